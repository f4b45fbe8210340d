"""Behind an aggregator that is not ours, and behind one that nothing readable comes from."""

from decimal import Decimal

from redis.asyncio import Redis

from tests.processes import until
from tests.profile.live.replica import Portfolios, Replica
from tests.profile.live.test_first_frame import subscribers


async def test_prices_of_the_go_original_are_shown(replica: Replica, redis: Redis, portfolios: Portfolios) -> None:
    portfolios.put(1, btcusdt="2")
    async with replica.client() as client:
        await client.document()
        await until(lambda: subscribers(redis, 1, "btcusdt"), what="the subscription")
        for price in ("63197.46", "63197.459999999999", "6.3e4"):
            await redis.publish("btcusdt", f'{{"user_id":0,"s":"btcusdt","p":{price}}}')
            document = await client.document_where(Total=2 * Decimal(price))
            assert document["Source"] == "binance"
            assert document["UpdatedAt"] > 1_700_000_000_000, "the time of arrival"


async def test_a_feed_of_which_everything_is_rejected_shows_in_readiness(
    replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    portfolios.put(1, btcusdt="2")
    async with replica.client() as client:
        await client.document()
        await until(lambda: subscribers(redis, 1, "btcusdt"), what="the subscription")
        for _ in range(3):
            await redis.publish("btcusdt", b'{"symbol":"btcusdt","price":1}')

        async def problem() -> str:
            try:
                await replica.manager.check()
            except Exception as error:  # noqa: BLE001 - what readiness would show
                return str(error)
            return ""

        async def named() -> bool:
            return await problem() == "every price is rejected: not a SecondStat"

        await until(named)
        await redis.publish("btcusdt", b'{"s":"btcusdt","p":3}')
        await client.document_where(Total=Decimal(6))
        assert await problem() == ""
