"""A user's holdings: plain values and the rules of quantities and symbols. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from services.common.errors import InvalidError
from services.market.decimals import DECIMAL_PLACES, INTEGER_DIGITS, parse_decimal, plain
from services.market.symbols import MAX_SYMBOL_LENGTH, normal_symbol

DEFAULT_CURRENCY = "USDT"


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One user's coins. `quantities`: symbol → exact quantity, in the order of adding."""

    user_id: int
    name: str
    quantities: Mapping[str, Decimal]
    currency: str = DEFAULT_CURRENCY
    """The asset in which it is valued, as the exchange writes it."""


@dataclass(frozen=True, slots=True)
class Coin:
    """One row of a portfolio."""

    id: int
    user_id: int
    symbol: str
    quantity: Decimal


def parse_quantity(value: object) -> Decimal:
    """A quantity from a request: a JSON number (already an int or Decimal) or decimal text.

    Raises InvalidError unless it is greater than 0 and fits NUMERIC(38,18) without rounding.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise _invalid_quantity('must be a JSON number, or decimal text such as "0.5"')
    try:
        quantity = parse_decimal(value) if isinstance(value, str) else Decimal(value)
    except ValueError as error:
        raise _invalid_quantity("must be a decimal number such as 0.5") from error
    if not quantity.is_finite():  # a database can hold such
        raise _invalid_quantity("must be a decimal number such as 0.5")
    if quantity <= 0:
        raise _invalid_quantity("must be greater than 0")
    if quantity.adjusted() >= INTEGER_DIGITS:
        raise _invalid_quantity(f"may have at most {INTEGER_DIGITS} digits before the decimal point")
    text = plain(quantity)
    if len(text.partition(".")[2]) > DECIMAL_PLACES:
        raise _invalid_quantity(f"may have at most {DECIMAL_PLACES} decimal places")
    return Decimal(text)


def parse_symbol(text: str) -> str:
    """A symbol in any case → as we keep it, in lower case. Raises InvalidError.

    Word characters of any script, `-` and `.`: what the exchange's own rule for symbols admits.
    """
    symbol = normal_symbol(text)
    if symbol is None:
        raise InvalidError(
            "invalid_symbol", f"symbol: must be 1 to {MAX_SYMBOL_LENGTH} letters and digits, such as btcusdt."
        )
    return symbol


def _invalid_quantity(rule: str) -> InvalidError:
    return InvalidError("invalid_quantity", f"quantity: {rule}.")
