from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.decimals import ONE, plain, product, scaled


@given(st.integers(0, 10**26 - 1))
def test_text_and_scaled_integer_are_the_same_number(value: int) -> None:
    assert Decimal(plain(value)) * ONE == value
    assert scaled(plain(value)) == value


@pytest.mark.parametrize("text", ["", "-1", "+1", "1e5", "1.", ".5", "NaN", "1.123456789", "1,5", "\u0661"])
def test_anything_but_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal"):
        scaled(text)


def test_a_product_is_cut_after_eight_places() -> None:
    assert plain(product(scaled("0.00000003"), scaled("0.5"))) == "0.00000001"
    assert plain(product(scaled("68000.01"), scaled("0.00001"))) == "0.68000010"
