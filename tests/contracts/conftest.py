"""An event loop and connections that serve all examples of a property."""

import asyncio
from collections.abc import Iterator

import pytest
from redis.asyncio import Redis

from tests.conftest import RunningRedis


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """Runs a coroutine for each example; what was opened in its loop stays open between them."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def redis(runner: asyncio.Runner, redis_server: RunningRedis) -> Iterator[Redis]:
    """A client of the session's Redis. A property empties the keys that it uses."""
    client = Redis.from_url(redis_server.url, protocol=2)
    yield client
    runner.run(client.aclose())
