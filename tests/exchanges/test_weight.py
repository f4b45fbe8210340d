"""How much may be asked of the exchange in a minute, by one and by all together."""

import asyncio

import pytest

from services.exchanges.errors import RateLimitedError
from services.exchanges.weight import WeightLimit
from tests.exchanges.weight_clock import WeightClock

MINUTE_S = 29_454_480 * 60.0


async def test_an_exchange_that_counts_nothing_is_counted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    clock, limit = WeightClock(monkeypatch, MINUTE_S + 31.0), WeightLimit(reported.append, max_weight=5)
    for _ in range(3):
        await limit.spend(2)
    assert clock.slept == [30.0]


async def test_requests_under_way_count_before_the_exchange_has_counted_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limit = WeightClock(monkeypatch, MINUTE_S + 31.0), WeightLimit(print, max_weight=100)
    await limit.spend(2)
    limit.note(96)  # of others, and of ours
    await asyncio.gather(*(limit.spend(2) for _ in range(3)))
    assert clock.slept == [30.0]


async def test_a_count_that_is_older_than_ours_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limit = WeightClock(monkeypatch, MINUTE_S + 31.0), WeightLimit(print, max_weight=10)
    for _ in range(5):
        await limit.spend(2)
    limit.note(2)  # the answer to the first of five
    await limit.spend(2)
    assert clock.slept == [30.0]


async def test_the_minutes_are_those_of_the_exchanges_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of ours that runs ahead, the count of the minute before would pass for one of this."""
    clock, limit = WeightClock(monkeypatch, MINUTE_S + 3.0), WeightLimit(print, max_weight=10, ahead_s=-20.0)
    limit.note(10)
    await limit.spend(2)
    assert clock.slept == [18.0]


async def test_while_the_exchange_asks_to_stay_away_nothing_is_sent() -> None:
    limit = WeightLimit(print, 10)
    limit.block(600)
    limit.block(1)
    with pytest.raises(RateLimitedError, match="wait 600 s"):
        await limit.spend(2)


async def test_a_clock_that_is_set_back_by_a_second_does_not_count_a_minute_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, limit = WeightClock(monkeypatch, MINUTE_S + 1.2), WeightLimit(print, max_weight=10)
    limit.note(6)
    limit.ahead_s = -0.9
    await limit.spend(2)
    limit.ahead_s = 0.0
    await limit.spend(2)
    assert clock.slept == []
    await limit.spend(2)
    assert clock.slept == [pytest.approx(59.8)]


async def test_a_clock_that_is_set_back_by_an_hour_begins_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limit = WeightClock(monkeypatch, MINUTE_S + 31.0), WeightLimit(print, max_weight=10)
    limit.note(10)
    limit.ahead_s = -3_600.0
    await limit.spend(2)
    assert clock.slept == []
