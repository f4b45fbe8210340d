"""When ticks happen."""

from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.publisher import EARLY_S, until_next_tick_s


@given(st.floats(1.7e9, 1.9e9))
def test_a_tick_comes_at_a_full_second(now_s: float) -> None:
    at_s = now_s + until_next_tick_s(now_s)
    assert abs(at_s - round(at_s)) < 1e-6


@given(st.integers(1_700_000_000, 1_900_000_000), st.floats(0, EARLY_S * 0.99))
def test_a_tick_that_fires_early_does_not_fire_again_at_once(second: int, early_s: float) -> None:
    assert until_next_tick_s(second - early_s) >= 1.0
