"""When ticks happen, and which prices they publish."""

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.aggregator.prices import LatestPrices
from services.aggregator.publisher import EARLY_S, Publisher, until_next_tick_s
from services.aggregator.redis import MarketStore
from services.aggregator.symbols import Directory


@given(st.floats(1.7e9, 1.9e9))
def test_a_tick_comes_at_a_full_second(now_s: float) -> None:
    at_s = now_s + until_next_tick_s(now_s)
    assert abs(at_s - round(at_s)) < 1e-6


@given(st.integers(1_700_000_000, 1_900_000_000), st.floats(0, EARLY_S * 0.99))
def test_a_tick_that_fires_early_does_not_fire_again_at_once(second: int, early_s: float) -> None:
    assert until_next_tick_s(second - early_s) >= 1.0


async def test_a_source_that_changes_during_the_first_tick_gets_no_price_of_the_one_before(redis_url: str) -> None:
    latest = LatestPrices("binance")

    class SwitchingStore(MarketStore):
        async def last_prices(self) -> list[bytes]:
            values = await super().last_prices()
            latest.switch_source("simulator")
            return values

    async def lost_data() -> None:
        return

    async with Redis.from_url(redis_url, protocol=2) as redis:
        await redis.set("market:source", "binance")
        await redis.hset("market:last", "btcusdt", b'{"s":"btcusdt","p":1,"t":1767225600000,"src":"binance"}')
        publisher = Publisher(latest, Directory(latest.symbols), SwitchingStore(redis), lost_data)
        await publisher.tick()
        assert latest.newest() == []
        await publisher.tick()
        assert (await redis.get("market:source"), await redis.hgetall("market:last")) == (b"simulator", {})
