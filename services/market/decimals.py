"""Exact decimals: decimal text, its shortest plain form, and the change from one price to another. Never a float."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

INTEGER_DIGITS, DECIMAL_PLACES = 20, 18
"""What fits NUMERIC(38, 18) and Decimal(38, 18): the columns, and therefore the rule."""
PRICE_DECIMAL_PLACES = 30
"""Of a price or figure in a SecondStat. The bounds keep one bad message from making endless texts."""

PLAIN_DECIMAL = rf"(?:0|[1-9][0-9]{{0,{INTEGER_DIGITS - 1}}})(?:\.[0-9]{{1,{DECIMAL_PLACES}}})?"
"""What an exchange quotes, and what is a JSON number as it stands: no sign, no exponent, no leading zero."""

_PLAIN = re.compile(PLAIN_DECIMAL)
_NUMBER = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,4})?")
_FOREIGN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")

# Operands have up to 20 digits before the point and 30 after it. A quotient of two has up to 52 before the point, and
# one that is no tie at the 8th place differs from a tie by more than 10⁻⁵⁹: with 128 digits the first rounding never
# makes a tie for the second.
_EXACT = Context(prec=128, rounding=ROUND_HALF_EVEN)
_HUNDRED = Decimal(100)
_EIGHT_PLACES = Decimal("1E-8")


def is_plain_decimal(text: str) -> bool:
    """Whether `text` is a `PLAIN_DECIMAL`."""
    return _PLAIN.fullmatch(text) is not None


def parse_decimal(text: str) -> Decimal:
    """The number that JSON text denotes, exactly. Raises ValueError for what is no number, or an absurdly long one.

    The pattern bounds digits and exponent first: `Decimal("1e999999999")` is cheap to make and ruinous to write out.
    """
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a decimal number of reasonable length")
    return Decimal(text)


def parse_foreign_decimal(text: str) -> Decimal:
    """A number as other programs may write it: also "+1", "1." and ".5". Raises ValueError for what is none.

    The length is the caller's to bound, and so is the number before it is written out.
    """
    if not _FOREIGN.fullmatch(text):
        raise ValueError("not a decimal number")
    return Decimal(text)


def is_reasonable(number: Decimal) -> bool:
    """Whether a price or figure is finite, not negative, and within 20 digits before the point and 30 after it."""
    if not number.is_finite() or number.is_signed() or number.adjusted() >= INTEGER_DIGITS:
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -PRICE_DECIMAL_PLACES


def plain(number: Decimal) -> str:
    """The shortest plain text of `number`: no exponent, no zeros at the end. Exact at any precision."""
    return shortest(format(number, "f")) if number else "0"


def shortest(text: str) -> str:
    """Plain text without zeros at its end: "68123.45000000" → "68123.45"."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def change(price: Decimal, opened: Decimal) -> Decimal:
    """price − open, exact."""
    return _EXACT.subtract(price, opened)


def change_percent(changed: Decimal, opened: Decimal) -> Decimal:
    """The change in percent of the open, rounded half to even to 8 places; 0 if the open is 0."""
    if not changed or not opened:
        return Decimal(0)
    percent = _EXACT.divide(_EXACT.multiply(changed, _HUNDRED), opened)
    return percent.quantize(_EIGHT_PLACES, context=_EXACT)
