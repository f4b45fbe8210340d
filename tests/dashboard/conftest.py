"""The dashboard as a real process between a real Redis and a real ClickHouse engine, with a market of its own."""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from tests.clickhouse_server import RunningClickHouse
from tests.conftest import RunningRedis, start_redis, stop_redis
from tests.processes import REPOSITORY, Process, free_port, service, until_ready

SOURCE = "simulator"
UNLIMITED = {"LIMIT_CLIENT": "1000000/minute", "LIMIT_HISTORY": "1000000/minute"}


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running dashboard."""

    process: Process
    port: int
    ops_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def metric(self, sample: str) -> float:
        """The value of one sample, 0 where there is none: `dashboard_history_cache_total{how="computed"}`."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{self.ops_port}/metrics")).text
        values = [line.rpartition(" ") for line in text.splitlines()]
        return next((float(value) for name, _, value in values if name == sample), 0.0)


def start_dashboard(redis_url: str, **env: str) -> Dashboard:
    """Ready; the caller stops its process."""
    port, ops_port = free_port(), free_port()
    ports = {"HTTP_PORT": str(port), "OPS_PORT": str(ops_port)}
    process = service("dashboard", {"REDIS_URL": redis_url, **ports, **UNLIMITED, **env}).start()
    asyncio.run(until_ready(process, ops_port))
    return Dashboard(process, port, ops_port)


@dataclass(frozen=True, slots=True)
class Engine:
    """A migrated database in ClickHouse."""

    url: str
    """Of the user who writes."""
    reader_url: str
    """What a dashboard is given."""

    async def run(self, sql: str, body: bytes = b"") -> str:
        """Execute, and return the answer's text."""
        parts = urlsplit(self.url)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.post(
                f"http://{parts.hostname}:{parts.port}/",
                params={"database": parts.path.strip("/"), "query": sql},
                auth=(parts.username or "", parts.password or ""),
                content=body,
            )
        assert answer.status_code == 200, answer.text
        return answer.text

    async def add_candles(
        self, symbol: str, interval: str, times_s: list[int], price: str = "1.5", source: str = SOURCE
    ) -> None:
        """Candles of one price each; their times are starts."""
        await self.run(
            f"INSERT INTO candles_{interval}_states (source, symbol, time, open, high, low, close, volume, "
            f"quote_volume, rolling) SELECT '{source}', '{symbol}', toDateTime(t, 'UTC') AS time, "
            "(toDateTime64(time, 3, 'UTC'), p), p, p, (toDateTime64(time, 3, 'UTC'), p), NULL, NULL, "
            "(toDateTime64(time, 3, 'UTC'), p, p) "
            f"FROM (SELECT arrayJoin({times_s}) AS t, toDecimal128('{price}', 18) AS p)"
        )


def migrated(running: RunningClickHouse) -> Engine:
    """A new database with our tables."""
    name = f"test_{secrets.token_hex(4)}"
    url, reader_url = (f"{one.rpartition('/')[0]}/{name}" for one in (running.url, running.reader_url))
    command = [sys.executable, "-m", "services.kafka_clickhouse", "migrate"]
    environment = {**os.environ, "CLICKHOUSE_URL": url}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Engine(url, reader_url)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def last_price(symbol: str, price: str, source: str = SOURCE, event_ms: int | None = None, **figures: str) -> str:
    """A value of `market:last`, digit for digit."""
    rest = "".join(f',"{name}":{value}' for name, value in figures.items())
    event_ms = now_ms() if event_ms is None else event_ms
    return f'{{"s":"{symbol}","p":{price},"t":{event_ms},"src":"{source}"{rest}}}'


LISTINGS = [
    {"symbol": "btcusdt", "base": "BTC", "quote": "USDT", "status": "TRADING"},
    {"symbol": "ethusdt", "base": "ETH", "quote": "USDT", "status": "TRADING"},
    {"symbol": "ethbtc", "base": "ETH", "quote": "BTC", "status": "TRADING"},
    {"symbol": "oldusdt", "base": "OLD", "quote": "USDT", "status": "DELISTED"},
    {"symbol": "emptyusdt", "base": "EMPTY", "quote": "USDT", "status": "TRADING"},
    {"symbol": "币安人生usdt", "base": "币安人生", "quote": "USDT", "status": "TRADING"},
]


async def publish_market(url: str) -> None:
    """Four prices of one source, one of another that must not be seen, and six listed symbols."""
    prices: dict[Any, Any] = {
        "btcusdt": last_price(
            "btcusdt", "68123.450000000000000001", o="67000", h="68500", l="66800.01", v="1", q="8.5"
        ),
        "ethusdt": last_price("ethusdt", "90", o="100", h="101", l="89", v="5", q="500"),
        "ethbtc": last_price("ethbtc", "0.00000001"),
        "oldusdt": last_price("oldusdt", "3", o="1", h="3", l="1", v="9", q="9000000"),
        "ghostusdt": last_price("ghostusdt", "1", source="binance"),
        "brokenusdt": "{",
        "garbledusdt": b'{"s":"garbledusdt","p":"\xff","t":1}',
    }
    async with Redis.from_url(url, protocol=2) as redis:
        await redis.set("market:source", SOURCE)
        await redis.set("market:symbols", msgspec.json.encode({"symbols": LISTINGS}))
        await redis.delete("market:last")
        await redis.hset("market:last", mapping=prices)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RunningRedis]:
    """A Redis of these tests' own, which no test empties."""
    started = start_redis()
    asyncio.run(publish_market(started.url))
    yield started
    stop_redis(started)


@pytest.fixture(scope="session")
def engine(clickhouse_server: RunningClickHouse) -> Engine:
    return migrated(clickhouse_server)


@pytest.fixture(scope="session")
def dashboard(redis_server: RunningRedis, engine: Engine) -> Iterator[Dashboard]:
    started = start_dashboard(redis_server.url, CLICKHOUSE_URL=engine.reader_url)
    yield started
    started.process.stop()


@pytest.fixture
async def client(dashboard: Dashboard) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(dashboard) as opened:
        yield opened


def client_of(dashboard: Dashboard) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=dashboard.url, trust_env=False, timeout=20)


def assert_error(answer: httpx.Response, status: int, code: str) -> None:
    """In the one shape, without a word of what went wrong inside."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    sentence = answer.json()["error"]
    assert sentence.endswith((".", "?"))
    assert not any(word in sentence for word in ("Exception", "Traceback", "SELECT", "Error"))
