"""Changes of a portfolio: shown in every open websocket of its user, on every replica, despite failures in between."""

import asyncio
from decimal import Decimal

from redis.asyncio import Redis

from tests.processes import until
from tests.profile.live.replica import Portfolios, Replica, metric, tick


async def test_two_replicas_show_a_change_made_on_either(
    replicas: list[Replica], redis: Redis, portfolios: Portfolios
) -> None:
    first, second = replicas
    await tick(redis, "btcusdt", "2", 1000)
    await tick(redis, "ethusdt", "3", 1000)
    async with first.client() as left, second.client() as right:
        for changed_on, quantity in ((first, "10"), (second, "20")):
            portfolios.put(1, btcusdt="1", ethusdt=quantity)
            await changed_on.manager.portfolio_changed(1)
            for client in (left, right):
                await client.document_where(Total=2 + 3 * Decimal(quantity))


async def test_all_websockets_of_a_user_get_the_change_and_no_others(replica: Replica, portfolios: Portfolios) -> None:
    portfolios.put(2, btcusdt="5")
    async with replica.client(1) as one, replica.client(1) as two, replica.client(2) as other:
        for client in (one, two, other):
            await client.document()
        portfolios.put(1, "renamed", btcusdt="7")
        await replica.manager.portfolio_changed(1)
        for client in (one, two):
            assert (await client.document())["Name"] == "renamed"
        portfolios.put(2, "other", btcusdt="5")
        await replica.manager.portfolio_changed(2)
        assert (await other.document())["Name"] == "other"


async def test_a_change_during_a_read_is_read_again(replica: Replica, portfolios: Portfolios) -> None:
    async with replica.client() as client:
        await client.document()
        portfolios.open.clear()
        loads = portfolios.loads
        await replica.manager.portfolio_changed(1)
        await until(lambda: portfolios.loads > loads)
        portfolios.put(1, "later", btcusdt="1")
        await replica.manager.portfolio_changed(1)
        portfolios.open.set()
        await client.document_where(Name="later")


async def test_a_burst_of_changes_is_few_reads(replica: Replica, portfolios: Portfolios) -> None:
    async with replica.client() as client:
        await client.document()
        portfolios.open.clear()
        loads = portfolios.loads
        await asyncio.gather(*(replica.manager.portfolio_changed(1) for _ in range(100)))
        portfolios.put(1, "last", btcusdt="1")
        await replica.manager.portfolio_changed(1)
        portfolios.open.set()
        await client.document_where(Name="last")
    assert portfolios.loads - loads <= 5


async def test_a_failing_read_is_tried_again_and_prices_go_on_meanwhile(
    replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    failures = metric("profile_live_refresh_failures_total", what="portfolio")
    async with replica.client() as client:
        await client.document()
        portfolios.failing = True
        portfolios.put(1, "healed", btcusdt="1")
        await replica.manager.portfolio_changed(1)
        await until(lambda: metric("profile_live_refresh_failures_total", what="portfolio") > failures)
        await tick(redis, "btcusdt", "2", 2000)
        assert (await client.document())["Name"] == "someone"
        portfolios.failing = False
        await client.document_where(Name="healed")


async def test_a_deleted_profile_closes_its_websockets(replica: Replica, portfolios: Portfolios) -> None:
    async with replica.client() as client:
        await client.document()
        del portfolios.rows[1]
        await replica.manager.portfolio_changed(1)
        assert await client.close_code() == 4404


async def test_a_message_that_names_no_user_is_counted(replica: Replica, redis: Redis) -> None:
    before = metric("profile_live_malformed_total", kind="change")
    await redis.publish("profile:changes", "all")
    await until(lambda: metric("profile_live_malformed_total", kind="change") > before)
