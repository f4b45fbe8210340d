"""So many units in any period, never more."""

from hypothesis import given
from hypothesis import strategies as st

from services.exchanges.pacing import Allowance


@given(st.lists(st.floats(0, 20), min_size=1, max_size=120))
def test_an_allowance_keeps_the_limit_in_every_window_and_delays_no_first_attempt(pauses_s: list[float]) -> None:
    allowance, now_s, spent_s = Allowance(limit=24, period_s=30.0, burst=4), 1_000.0, list[float]()
    for pause_s in pauses_s:
        now_s += pause_s
        wait_s = allowance.wait_s(now_s)
        assert wait_s <= 30.0 / 20, "one unit never waits for the whole period"
        now_s += wait_s
        allowance.take(now_s)
        spent_s.append(now_s)
    assert all(later - earlier > 29.999 for earlier, later in zip(spent_s, spent_s[24:], strict=False))
    assert Allowance(24, 30.0, 4).wait_s(1_000.0) == 0


def test_an_allowance_gives_its_burst_at_once_and_then_one_at_a_time() -> None:
    allowance = Allowance(limit=24, period_s=30.0, burst=4)
    waits_s = []
    for _ in range(6):
        waits_s.append(allowance.wait_s(100.0))
        allowance.take(100.0)
    assert waits_s == [0, 0, 0, 0, 1.5, 3.0]
