"""Delays between attempts: bounded, growing, and zero at first."""

from hypothesis import given
from hypothesis import strategies as st

from services.common.backoff import Backoff


@given(st.floats(0.001, 10), st.floats(0.001, 100), st.integers(1, 200))
def test_every_delay_is_within_its_bound(base_s: float, cap_s: float, attempts: int) -> None:
    backoff = Backoff(base_s, cap_s)
    delays = [backoff.next_delay_s() for _ in range(attempts)]
    assert delays[0] == 0
    for exponent, delay_s in enumerate(delays[1:]):
        assert 0 <= delay_s <= min(cap_s, base_s * 2.0**exponent)


def test_a_success_starts_over() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() == 0


def test_delays_are_spread() -> None:
    delays = set()
    for _ in range(50):
        backoff = Backoff(attempt=6)
        delays.add(backoff.next_delay_s())
    assert len(delays) > 40
