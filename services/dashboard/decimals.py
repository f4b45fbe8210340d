"""Decimal text: what is one, and the change from one price to another, exactly. Never a float. No I/O."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

PERCENT_PLACES = Decimal("0.00000001")

# Digits and exponent are bounded first: `Decimal("1e999999999")` is cheap to make and ruinous to write out.
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
# Wide enough for the difference of any two that `is_decimal` takes.
_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


def is_decimal(text: str) -> bool:
    """Whether `text` is a JSON number of reasonable length."""
    return _DECIMAL.fullmatch(text) is not None


def plain(number: Decimal) -> str:
    """The shortest plain text of the same value: no exponent, no zeros at the end."""
    text = format(number, "f")
    shortest = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if shortest in {"-0", ""} else shortest


def change(price: Decimal, opened: Decimal) -> Decimal:
    """price − open, exact."""
    return _EXACT.subtract(price, opened)


def change_percent(price: Decimal, opened: Decimal) -> Decimal:
    """(price − open) / open · 100, half to even at 8 places as in KafkaMsg; 0 when open is 0."""
    if not opened:
        return Decimal(0)
    hundredfold = _EXACT.multiply(change(price, opened), Decimal(100))
    return _EXACT.quantize(_EXACT.divide(hundredfold, opened), PERCENT_PLACES)
