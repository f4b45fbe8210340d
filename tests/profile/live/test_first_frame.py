"""The documents of a client: the first when it connects, and one with every price."""

from decimal import Decimal

import pytest
from redis.asyncio import Redis
from websockets.exceptions import InvalidStatus

from services.profile.live import prices
from tests.processes import until
from tests.profile.live.replica import Portfolios, Replica, metric, tick


async def test_first_document_comes_at_once_with_the_last_known_price(replica: Replica, redis: Redis) -> None:
    await redis.hset("market:last", "btcusdt", '{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance","o":1.5}')
    async with replica.client() as client:
        assert await client.document() == {
            "ID": 1,
            "Name": "someone",
            "Coins": {
                "Quantities": {"btcusdt": Decimal("1.5")},
                "Prices": {"btcusdt": Decimal("68123.45")},
                "Totals": {"btcusdt": Decimal("102185.175")},
            },
            "Total": Decimal("102185.175"),
            "UpdatedAt": 1767225600123,
            "Source": "binance",
            "Currency": "USDT",
            "Unvalued": [],
        }


async def test_no_document_comes_twice(replica: Replica, redis: Redis) -> None:
    await redis.hset("market:last", "btcusdt", '{"s":"btcusdt","p":1,"t":1000,"src":"binance"}')
    async with replica.client() as client:
        await client.document()
        await replica.manager.portfolio_changed(1)
        await until(lambda: subscribers(redis, 1, "btcusdt"))
        await tick(redis, "btcusdt", "2", 2000)
        assert (await client.document())["UpdatedAt"] == 2000


async def test_first_document_without_a_known_price_lists_the_quantities_alone(replica: Replica) -> None:
    async with replica.client() as client:
        document = await client.document()
    assert document["Coins"] == {"Quantities": {"btcusdt": Decimal("1.5")}, "Prices": {}, "Totals": {}}
    assert (document["Total"], document["UpdatedAt"], document["Source"]) == (0, None, None)


async def test_every_price_makes_a_document(replica: Replica, redis: Redis) -> None:
    async with replica.client() as client:
        await client.document()
        for number in range(1, 4):
            await tick(redis, "btcusdt", f"{number}.10", 1000 * number)
            document = await client.document_where(UpdatedAt=1000 * number)
            assert document["Coins"]["Totals"] == {"btcusdt": Decimal("1.5") * Decimal(f"{number}.1")}


async def test_an_older_price_is_not_shown(replica: Replica, redis: Redis) -> None:
    async with replica.client() as client:
        await client.document()
        await tick(redis, "btcusdt", "2", 2000)
        await client.document_where(UpdatedAt=2000)
        await tick(redis, "btcusdt", "1", 1000)
        await tick(redis, "btcusdt", "3", 3000)
        assert (await client.document())["UpdatedAt"] == 3000


async def test_malformed_prices_are_counted_and_skipped(replica: Replica, redis: Redis) -> None:
    before = metric("profile_live_malformed_total", kind="price")
    async with replica.client() as client:
        await until(lambda: subscribers(redis, 1, "btcusdt"))
        bad = [
            "",
            "{}",
            "[]",
            '{"p":1e400,"t":1}',
            '{"p":-1,"t":1}',
            '{"p":"NaN","t":1}',
            '{"p":1,"t":-1}',
            "\xff",
        ]
        for payload in bad:
            await redis.publish("btcusdt", payload)
        await tick(redis, "btcusdt", "3", 3000)
        await client.document_where(UpdatedAt=3000)
    assert metric("profile_live_malformed_total", kind="price") == before + len(bad)


async def test_a_burst_of_prices_is_one_document_not_one_for_each(
    replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    coins = [f"coin{number}" for number in range(10)]
    portfolios.put(2, **dict.fromkeys(coins, "1"))
    async with replica.client(2) as client:
        await client.document()
        await until(lambda: subscribers(redis, 1, *coins))
        before = metric("profile_live_documents_total")
        async with redis.pipeline(transaction=False) as pipeline:
            for number in range(1000):
                pipeline.publish(coins[number % 10], f'{{"p":{number},"t":{number + 1}}}')
            await pipeline.execute()
        document = await client.document_where(UpdatedAt=1000)
        assert document["Coins"]["Prices"] == {f"coin{number}": 990 + number for number in range(10)}
    assert metric("profile_live_documents_total") - before < 100


async def test_prices_of_another_source_replace_all_former_ones(
    replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    portfolios.put(2, btcusdt="1", ethusdt="1")
    async with replica.client(2) as client:
        await tick(redis, "btcusdt", "68000", 9000, "binance")
        await tick(redis, "ethusdt", "3000", 9000, "binance")
        await client.document_where(Total=71000)
        await tick(redis, "btcusdt", "5", 1000, "simulator")
        document = await client.document_where(Source="simulator")
    assert document["Coins"]["Prices"] == {"btcusdt": 5}
    assert document["UpdatedAt"] == 1000


async def test_the_cache_of_another_source_costs_no_client_its_prices(
    replica: Replica, redis: Redis, portfolios: Portfolios, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "HELD_S", 600.0)  # on a machine of any speed
    await redis.hset("market:last", "ethusdt", '{"s":"ethusdt","p":5,"t":1000,"src":"simulator"}')
    portfolios.put(2, ethusdt="1")
    async with replica.client(1) as client:
        await until(lambda: subscribers(redis, 1, "btcusdt"))
        await tick(redis, "btcusdt", "68000", 1000, "binance")
        await client.document_where(Source="binance")
        async with replica.client(2) as newcomer:
            assert (await newcomer.document())["Coins"]["Prices"] == {}
            await tick(redis, "btcusdt", "68001", 2000, "binance")
            document = await client.document()
    assert (document["Source"], document["UpdatedAt"]) == ("binance", 2000)


async def test_prices_return_from_the_cache_with_their_source(
    replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    await redis.hset("market:last", "ethusdt", '{"s":"ethusdt","p":3000,"t":1000,"src":"binance"}')
    portfolios.put(2, btcusdt="1", ethusdt="1")
    async with replica.client(2) as client:
        await until(lambda: subscribers(redis, 1, "btcusdt", "ethusdt"))
        await tick(redis, "btcusdt", "5", 1000, "simulator")
        await client.document_where(Source="simulator")
        await tick(redis, "btcusdt", "68000", 1000, "binance")
        await client.document_where(Total=71000)


async def test_only_the_symbols_of_open_websockets_are_subscribed(
    replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    portfolios.put(2, btcusdt="1", ethusdt="1")
    async with replica.client(1), replica.client(2):
        assert replica.manager.symbols() == {"btcusdt", "ethusdt"}
        await until(lambda: subscribers(redis, 1, "btcusdt", "ethusdt"))
        portfolios.put(2, btcusdt="1")
        await replica.manager.portfolio_changed(2)
        await until(lambda: subscribers(redis, 0, "ethusdt"))
        await until(lambda: subscribers(redis, 1, "btcusdt"))
    await until(lambda: subscribers(redis, 0, "btcusdt", "ethusdt"))
    assert replica.manager.symbols() == frozenset()


async def subscribers(redis: Redis, count: int, *symbols: str) -> bool:
    """Whether each of these channels has `count` subscribers."""
    return [subscribed for _, subscribed in await redis.pubsub_numsub(*symbols)] == [count] * len(symbols)


async def test_without_a_profile_the_handshake_is_refused(replica: Replica) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with replica.client(404):
            pass
    assert refused.value.response.status_code == 404
