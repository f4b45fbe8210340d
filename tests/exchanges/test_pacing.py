"""So many units in any period, never more."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchanges.pacing import Allowance, Budget


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 4)), min_size=1, max_size=40),
    st.integers(4, 12),
    st.floats(0.5, 10),
)
def test_no_window_ever_holds_more_than_the_limit(
    requests: list[tuple[float, int]], limit: int, period_s: float
) -> None:
    budget, now_s, spent = Budget(limit, period_s), 0.0, []
    for pause_s, units in requests:
        now_s += pause_s
        while (wait_s := budget.wait_s(now_s, units)) > 0:
            now_s += wait_s
        budget._spent.append((now_s, units))
        spent.append((now_s, units))
    for start_s, _ in spent:
        within = [units for at_s, units in spent if start_s <= at_s < start_s + period_s]
        assert sum(within) <= limit


def test_nothing_is_waited_for_without_need() -> None:
    budget = Budget(limit=2, period_s=10.0)
    assert [budget.wait_s(float(now_s), 2) for now_s in (0, 5, 100)] == [0.0, 0.0, 0.0]


async def test_a_cancelled_wait_spends_nothing_and_blocks_no_other() -> None:
    budget = Budget(limit=1, period_s=60.0)
    await budget.spend()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await budget.spend()
    assert len(budget._spent) == 1
    assert not budget._turn.locked()


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
