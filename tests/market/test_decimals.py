"""Decimal text, exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.decimals import change, change_percent, is_reasonable, parse_decimal, parse_foreign_decimal, plain

prices = st.decimals(min_value=0, max_value=10**20, places=18, allow_nan=False)


@given(price=prices, opened=prices)
def test_a_change_is_exact(price: Decimal, opened: Decimal) -> None:
    assert Fraction(change(price, opened)) == Fraction(price) - Fraction(opened)
    assert Fraction(plain(change(price, opened))) == Fraction(price) - Fraction(opened)


@given(price=prices, opened=prices)
def test_percent_is_the_nearest_of_eight_places(price: Decimal, opened: Decimal) -> None:
    percent = Fraction(change_percent(change(price, opened), opened))
    if opened:
        exact = (Fraction(price) - Fraction(opened)) / Fraction(opened) * 100
        assert abs(percent - exact) <= Fraction(1, 2 * 10**8)
    else:
        assert percent == 0


def test_percent_is_half_to_even() -> None:
    assert change_percent(Decimal("0.00000000005"), Decimal(1)) == 0
    assert change_percent(Decimal("0.00000000015"), Decimal(1)) == Decimal("0.00000002")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1E-18", "0.000000000000000001"), ("1.500", "1.5"), ("-0.0", "0"), ("1E+5", "100000"), ("-2.50", "-2.5")],
)
def test_plain_text_is_the_shortest_without_an_exponent(text: str, expected: str) -> None:
    assert plain(Decimal(text)) == expected


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1e999999999", "1" * 101, "0x1", "1,5", " 1", '"1"', "null"])
def test_what_is_no_decimal(text: str) -> None:
    with pytest.raises(ValueError, match="decimal number"):
        parse_decimal(text)


@pytest.mark.parametrize(("text", "number"), [("+1", 1), (".5", Decimal("0.5")), ("1.", 1), ("-2e1", -20)])
def test_what_other_programs_take_for_a_decimal(text: str, number: Decimal) -> None:
    assert parse_foreign_decimal(text) == number


@pytest.mark.parametrize("text", ["NaN", "-1", "-0", "1e20", "1e-31", "Infinity"])
def test_an_absurd_price_is_not_reasonable(text: str) -> None:
    assert not is_reasonable(Decimal(text))


@pytest.mark.parametrize("text", ["0", "99999999999999999999.999999999999999999", "1e-30", "1e19"])
def test_a_price_of_any_exchange_is_reasonable(text: str) -> None:
    assert is_reasonable(Decimal(text))
