"""Redis breaks, restarts and freezes; websockets stay open and catch up."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from deploy.local.redis import wait_until_ready
from services.common.backoff import Backoff
from services.common.redis import open_redis
from services.profile.live.feed import Feed
from tests.cancellations import ends_cancelled, lose_cancellation
from tests.conftest import RunningRedis
from tests.processes import until
from tests.profile.live.conftest import QUICK
from tests.profile.live.replica import Client, Portfolios, Replica, metric, running_replica, tick


@pytest.fixture
async def own_replica(own_redis: RunningRedis, portfolios: Portfolios) -> AsyncIterator[Replica]:
    async with running_replica(own_redis.url, portfolios, QUICK) as running:
        yield running


@pytest.fixture
async def own_client(own_redis: RunningRedis) -> AsyncIterator[Redis]:
    client = open_redis(own_redis.url)
    yield client
    await client.aclose()


async def not_alive(replica: Replica) -> bool:
    try:
        await replica.manager.check()
    except ConnectionError:
        return True
    return False


async def alive(replica: Replica) -> bool:
    return not await not_alive(replica)


async def restart(running: RunningRedis) -> None:
    running.process.kill()
    running.process.start()
    await wait_until_ready(running.server)


async def test_prices_flow_again_after_a_restart_of_redis(
    own_replica: Replica, own_redis: RunningRedis, own_client: Redis
) -> None:
    async with own_replica.client() as client:
        await client.document()
        own_redis.process.kill()
        await until(lambda: not_alive(own_replica))
        own_redis.process.start()
        await wait_until_ready(own_redis.server)
        await tick(own_client, "btcusdt", "2", 2000)
        await client.document_where(UpdatedAt=2000)
        await until(lambda: alive(own_replica))
        await tick(own_client, "btcusdt", "3", 3000)
        await client.document_where(UpdatedAt=3000)


async def test_a_frozen_redis_is_noticed_and_its_thaw_too(
    own_replica: Replica, own_redis: RunningRedis, own_client: Redis
) -> None:
    reconnects = metric("profile_live_feed_reconnects_total")
    async with own_replica.client() as client:
        await client.document()
        own_redis.process.freeze()
        await until(lambda: not_alive(own_replica))
        own_redis.process.thaw()
        await until(lambda: alive(own_replica))
        await tick(own_client, "btcusdt", "2", 2000)
        await client.document_where(UpdatedAt=2000)
    assert metric("profile_live_feed_reconnects_total") > reconnects


async def test_what_was_missed_is_read_after_the_reconnect(
    own_replica: Replica, own_client: Redis, portfolios: Portfolios
) -> None:
    """Prices, portfolios and revocations change while the subscriptions are broken."""
    portfolios.put(2, btcusdt="1")
    async with own_replica.client(1, "ended") as revoked, own_replica.client(2) as client:
        for each in (revoked, client):
            await each.document()
        await own_client.hset("market:last", "btcusdt", '{"s":"btcusdt","p":4,"t":4000}')
        await own_client.set("auth:revoked:session:ended", "1")
        portfolios.put(2, "changed", btcusdt="1")
        await break_subscriptions(own_client)
        assert await revoked.close_code() == 4401
        await client.document_where(Name="changed", UpdatedAt=4000)


async def break_subscriptions(redis: Redis) -> None:
    await redis.client_kill_filter(_type="pubsub")


async def test_a_change_made_while_redis_is_down_is_announced_when_it_is_back(
    own_redis: RunningRedis, portfolios: Portfolios
) -> None:
    async with (
        running_replica(own_redis.url, portfolios, QUICK) as here,
        running_replica(own_redis.url, portfolios, QUICK) as there,
        here.client() as near,
        there.client() as far,
    ):
        await near.document()
        await far.document()
        own_redis.process.kill()
        portfolios.put(1, "changed", btcusdt="1")
        await here.manager.portfolio_changed(1)
        await near.document_where(Name="changed")
        own_redis.process.start()
        await far.document_where(Name="changed")


async def test_without_redis_new_websockets_are_refused_and_open_ones_stay(
    own_replica: Replica, own_redis: RunningRedis
) -> None:
    async with own_replica.client() as client:
        await client.document()
        own_redis.process.kill()
        await until(lambda: _is_refused(own_replica, 503))
        assert await is_open(client)


async def _is_refused(replica: Replica, status: int) -> bool:
    from websockets.exceptions import InvalidStatus

    try:
        async with replica.client():
            return False
    except InvalidStatus as refused:
        return refused.response.status_code == status


async def is_open(client: Client) -> bool:
    await (await client.connection.ping())
    return True


async def test_a_stop_is_heard_also_while_a_connection_that_failed_is_cleaned_up(redis: Redis, redis_url: str) -> None:
    class Failing(Feed):
        async def _one_connection(self, backoff: Backoff) -> None:
            await lose_cancellation(RedisConnectionError("it is reset"))

    def ignore(*_: object) -> None:
        return

    feed = Failing(redis_url, redis, ignore, ignore, probe_interval_s=1, probe_timeout_s=1)
    assert await ends_cancelled(asyncio.create_task(feed.run()))
