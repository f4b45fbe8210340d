"""The rules of quantities and symbols."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import InvalidError
from services.market.decimals import parse_decimal, plain
from services.profile.portfolio.rules import parse_quantity, parse_symbol

LARGEST = "99999999999999999999.999999999999999999"

fitting = st.integers(1, 10**38 - 1).map(lambda scaled: Decimal(f"{scaled}E-18"))
"""Every value of NUMERIC(38,18) above zero."""


@given(fitting)
def test_every_fitting_quantity_passes_unchanged(quantity: Decimal) -> None:
    assert parse_quantity(quantity) == quantity
    assert parse_quantity(plain(quantity)) == quantity


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_plain_text_is_exact_and_has_no_exponent(number: Decimal) -> None:
    text = plain(number)
    assert Decimal(text) == number
    assert set(text) <= set("-0123456789.")


@given(st.text())
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with suppress(InvalidError):
        assert 0 < parse_quantity(text) <= Decimal(LARGEST)


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E-8", "0.00000001"), ("1.500", "1.5"), ("100", "100"), ("1E+2", "100"), ("0.000", "0"), (LARGEST, LARGEST)],
)
def test_plain_text(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize("value", [1, Decimal("1.5"), "1.5", "1e3", LARGEST, "0.000000000000000001", "1.5" + "0" * 50])
def test_accepted(value: object) -> None:
    assert parse_quantity(value) == Decimal(str(value))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (Decimal("NaN"), "decimal number"),
        (Decimal("sNaN"), "decimal number"),
        (Decimal("Infinity"), "decimal number"),
        (0, "greater than 0"),
        (-1, "greater than 0"),
        ("-0", "greater than 0"),
        ("0e0", "greater than 0"),
        (10**20, "before the decimal point"),
        (Decimal("1e400"), "before the decimal point"),
        ("123456789012345678901234567890", "before the decimal point"),
        ("0.0000000000000000001", "decimal places"),
        (Decimal("1e-9999"), "decimal places"),
        ("NaN", "decimal number"),
        ("Infinity", "decimal number"),
        ("", "decimal number"),
        (" 1", "decimal number"),
        ("1_000", "decimal number"),
        ("\N{FULLWIDTH DIGIT ONE}", "decimal number"),
        ("0x10", "decimal number"),
        (True, "JSON number"),
        (None, "JSON number"),
        ([1], "JSON number"),
    ],
)
def test_refused(value: object, rule: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_quantity(value)
    assert refused.value.code == "invalid_quantity"
    assert rule in refused.value.sentence


@pytest.mark.parametrize("text", ["1" * 101, "1e99999", "0." + "1" * 101, "1e", "٣"])
def test_numbers_of_absurd_length_are_refused_before_they_cost_anything(text: str) -> None:
    with pytest.raises(ValueError, match="decimal number"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "symbol"), [("BTCUSDT", "btcusdt"), ("1000sats", "1000sats"), ("币安人生USDT",) * 2, ("B" * 40, "b" * 40)]
)
def test_symbols_are_kept_in_lower_case(text: str, symbol: str) -> None:
    assert parse_symbol(text) == symbol.lower()


@pytest.mark.parametrize("text", ["", " btcusdt", "btc usdt", "btc\0usdt", "btc\n", "b" * 41, "../x", "a,b"])
def test_refused_symbols(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_symbol(text)
    assert refused.value.code == "invalid_symbol"
