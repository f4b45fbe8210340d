"""Replicas of the live engine on real ports and a real Redis, on the event loop that production runs."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

import pytest
import uvloop
from redis.asyncio import Redis

from services.common.redis import open_redis
from services.profile.live.limits import LiveLimits
from tests.profile.live.replica import Portfolios, Replica, running_replica


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], uvloop.Loop]]:
    return {"uvloop": uvloop.new_event_loop}


QUICK = LiveLimits(
    load_timeout_s=2.0,
    admission_timeout_s=5.0,
    stuck_after_s=0.5,
    listing_interval_s=0.1,
    probe_interval_s=0.1,
    probe_timeout_s=0.5,
    drain_s=0.2,
)
"""The product's limits with shorter waits."""


@pytest.fixture
def portfolios() -> Portfolios:
    """What the database would hold; user 1 has a coin."""
    store = Portfolios()
    store.put(1, btcusdt="1.5")
    return store


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client for the session's Redis, emptied before the test."""
    client = open_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def replica(redis_url: str, portfolios: Portfolios) -> AsyncIterator[Replica]:
    """One running replica with short waits."""
    async with running_replica(redis_url, portfolios, QUICK) as running:
        yield running


@pytest.fixture
async def replicas(redis_url: str, portfolios: Portfolios) -> AsyncIterator[list[Replica]]:
    """Two replicas on one Redis and one database."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_replica(redis_url, portfolios, QUICK)) for _ in range(2)]
