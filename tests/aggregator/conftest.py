"""An aggregator in this process, as its composition root makes it, between a scripted socket and a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.aggregator.app import app
from services.aggregator.settings import AggregatorSettings
from services.common.lifecycle import Lifecycle
from services.exchanges.registry import DEFAULT_EXCHANGE
from tests.aggregator.socket_peer import SocketPeer
from tests.conftest import RunningRedis, start_redis, stop_redis
from tests.processes import free_port, until


@dataclass(frozen=True, slots=True)
class Running:
    """A running aggregator and those around it."""

    http: httpx.AsyncClient
    life: Lifecycle
    peer: SocketPeer
    redis: Redis

    async def until_ready_to_follow(self) -> None:
        async def knows_symbols() -> bool:
            return (await self.http.get("/symbols")).status_code == 200

        await until(knows_symbols, what="the symbols are known")

    async def until_streaming(self) -> None:
        await until(lambda: self.peer.ticker_streams, what="the ticker stream is open")


def metric(name: str, **labels: str) -> float:
    """The value of a metric of this process now; 0 if it has not been touched."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def running(
    peer: SocketPeer, redis_url: str, kafka: str = "", exchange: str = DEFAULT_EXCHANGE
) -> AsyncIterator[Running]:
    """The whole service; leaving it drains."""
    port = free_port()
    settings = AggregatorSettings(
        http_port=port,
        socket_target=peer.target,
        exchange=exchange,
        redis_url=redis_url,
        kafka_bootstrap_servers=kafka,
    )
    async with asyncio.TaskGroup() as tasks, Redis.from_url(redis_url, protocol=2) as redis:
        life = Lifecycle(tasks)
        async with app(settings, life), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            life.health.started = True
            yield Running(http, life, peer, redis)


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RunningRedis]:
    """A Redis of this module's own: what these tests hear there must come from their aggregator alone."""
    started = start_redis()
    yield started
    stop_redis(started)


@pytest.fixture
async def peer() -> AsyncIterator[SocketPeer]:
    async with SocketPeer() as started:
        yield started


@pytest.fixture
async def aggregator(peer: SocketPeer, redis_url: str) -> AsyncIterator[Running]:
    """Knows the peer's symbols and listens to its mini-tickers."""
    async with running(peer, redis_url) as started:
        await started.until_ready_to_follow()
        await started.until_streaming()
        yield started


class Subscriber:
    """What a subscriber of the symbol channels that match `pattern` hears, in order."""

    def __init__(self, redis: Redis, pattern: str = "*") -> None:
        self._pubsub = redis.pubsub()
        self._pattern = pattern
        self.heard: list[tuple[str, bytes]] = []

    async def __aenter__(self) -> "Subscriber":
        await self._pubsub.psubscribe(self._pattern)
        while (await self._pubsub.get_message(timeout=5) or {}).get("type") != "psubscribe":
            pass
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def until_heard(self, number: int) -> list[tuple[str, bytes]]:
        """Wait until `number` messages have come in all."""

        async def enough() -> bool:
            message = await self._pubsub.get_message(timeout=0.5)
            if message and message["type"] == "pmessage":
                self.heard.append((message["channel"].decode(), message["data"]))
            return len(self.heard) >= number

        await until(enough, what=f"{number} messages (so far {self.heard})")
        return self.heard
