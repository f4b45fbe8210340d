"""Decimal text, exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.decimals import change, change_percent, is_decimal, plain

prices = st.decimals(min_value=0, max_value=10**20, places=18, allow_nan=False)


@given(price=prices, opened=prices)
def test_a_change_is_exact(price: Decimal, opened: Decimal) -> None:
    assert Fraction(change(price, opened)) == Fraction(price) - Fraction(opened)
    assert Fraction(plain(change(price, opened))) == Fraction(price) - Fraction(opened)


@given(price=prices, opened=prices)
def test_percent_is_the_nearest_of_eight_places(price: Decimal, opened: Decimal) -> None:
    percent = Fraction(change_percent(price, opened))
    if opened:
        exact = (Fraction(price) - Fraction(opened)) / Fraction(opened) * 100
        assert abs(percent - exact) <= Fraction(1, 2 * 10**8)
    else:
        assert percent == 0


def test_percent_is_half_to_even() -> None:
    assert change_percent(Decimal("1.00000000005"), Decimal(1)) == 0
    assert change_percent(Decimal("1.00000000015"), Decimal(1)) == Decimal("0.00000002")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1E-18", "0.000000000000000001"), ("1.500", "1.5"), ("-0.0", "0"), ("1E+5", "100000"), ("-2.50", "-2.5")],
)
def test_plain_text_is_the_shortest_without_an_exponent(text: str, expected: str) -> None:
    assert plain(Decimal(text)) == expected


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1e999999999", "1" * 41, "0x1", "1,5", " 1", '"1"', "null"])
def test_what_is_no_decimal(text: str) -> None:
    assert not is_decimal(text)
