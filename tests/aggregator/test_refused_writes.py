"""A Redis that answers and refuses to write: prices go on, who needs a write is refused, and the cache catches up."""

import json
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.aggregator.conftest import Subscriber, running
from tests.aggregator.socket_peer import START_MS, SocketPeer, ticker, ticker_frame
from tests.conftest import RunningRedis
from tests.processes import until

Step = Callable[[RunningRedis, Redis], Awaitable[None]]


async def fill_disk(server: RunningRedis, redis: Redis) -> None:
    """A snapshot that cannot be stored, as on a full disk."""
    (server.server.data_dir / "dump.rdb").mkdir()
    await redis.config_set("save", "3600 1")
    await redis.config_set("stop-writes-on-bgsave-error", "yes")
    await redis.set("changed", 1)
    await redis.bgsave()

    async def refused() -> bool:
        try:
            await redis.set("changed", 1)
        except ResponseError as error:
            return str(error).startswith("MISCONF")
        return False

    await until(refused, what="Redis refuses to write")


async def empty_disk(server: RunningRedis, redis: Redis) -> None:
    (server.server.data_dir / "dump.rdb").rmdir()
    await redis.config_set("save", "")


async def fill_memory(_: RunningRedis, redis: Redis) -> None:
    await redis.config_set("maxmemory", 1)


async def empty_memory(_: RunningRedis, redis: Redis) -> None:
    await redis.config_set("maxmemory", 0)


async def demote(_: RunningRedis, redis: Redis) -> None:
    await redis.execute_command("REPLICAOF", "127.0.0.1", 1)  # type: ignore[no-untyped-call]


async def promote(_: RunningRedis, redis: Redis) -> None:
    await redis.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("fault", "repair"),
    [(fill_disk, empty_disk), (fill_memory, empty_memory), (demote, promote)],
    ids=lambda f: f.__name__,
)
async def test_prices_go_on_and_the_cache_catches_up(
    peer: SocketPeer, own_redis: RunningRedis, fault: Step, repair: Step
) -> None:
    async with running(peer, own_redis.url) as aggregator:
        await aggregator.until_ready_to_follow()
        await aggregator.until_streaming()
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "2")))
            await subscriber.until_heard(2)
            await fault(own_redis, aggregator.redis)
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "3", START_MS + 1_000)))
            heard = await subscriber.until_heard(3)
            assert json.loads(heard[-1][1])["p"] == 3
            assert "redis" not in await aggregator.life.health.problems()
            refused = await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "1"})
            assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
            lease = await aggregator.http.put("/followers/2", json={"symbols": ["btcusdt"]})
            assert lease.status_code == 200
            await repair(own_redis, aggregator.redis)

            async def caught_up() -> bool:
                value = await aggregator.redis.hget("market:last", "btcusdt")
                return value is not None and json.loads(value)["p"] == 3

            await until(caught_up, what="the cache has what was published meanwhile")
