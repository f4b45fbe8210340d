"""Decimal text and scaled integers: 1.5 is 150_000_000. Text always shows 8 places, as Binance's does."""

import re

PLACES = 8
ONE = 100_000_000

_DECIMAL = re.compile(r"(\d{1,18})(?:\.(\d{1,8}))?", re.ASCII)


def scaled(text: str) -> int:
    """The exact value of plain decimal text. Raises ValueError for anything else, or more than 8 places."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not a plain decimal with at most {PLACES} places: {text!r}")
    whole, fraction = match.groups(default="")
    return int(whole) * ONE + int(fraction.ljust(PLACES, "0"))


def plain(value: int) -> str:
    """`value` (scaled, not negative) as text with 8 places: 150_000_000 → "1.50000000"."""
    whole, fraction = divmod(value, ONE)
    return f"{whole}.{fraction:08d}"


def product(price: int, quantity: int) -> int:
    """price × quantity, scaled, cut after 8 places: what Binance reports as a trade's quote quantity."""
    return price * quantity // ONE
