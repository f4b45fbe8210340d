"""So many units in any period, never more."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchanges.pacing import Budget


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


async def test_a_cancelled_wait_spends_nothing_and_blocks_nobody() -> None:
    budget = Budget(limit=1, period_s=60.0)
    await budget.spend()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await budget.spend()
    assert len(budget._spent) == 1
    assert not budget._turn.locked()
