"""`/history` for 30 days of 1 m candles under load, against the bare query that it stands on.

Four clients ask for different symbols at once: in turns the engine itself, by the query and in the format that the
dashboard uses, and the dashboard, which keeps nothing in this run. Then the dashboard as it is, whose answers are kept.
CPU is that of the engine and of the dashboard together, user and kernel: it depends less on what else the machine does.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import psutil
from redis import Redis

from services.dashboard.history import Request, candles_query
from services.dashboard.history_pages import SETTINGS
from tests.clickhouse_server import start_clickhouse, stop_clickhouse
from tests.conftest import start_redis, stop_redis
from tests.dashboard.conftest import SOURCE, Engine, last_price, migrated, start_dashboard

SYMBOLS = [f"bench{number}usdt" for number in range(20)]
CANDLES = 30 * 24 * 60
END_S = 1_767_225_600
START_S = END_S - CANDLES * 60
CLIENTS = 4
ROUNDS = 3
ROUND_LIMIT_S = 6.0
REQUESTS_A_ROUND = 60

Ask = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


@dataclass(slots=True)
class Contender:
    """A server under measurement, its processes, and the cost of its answers: seconds each, and CPU in all."""

    ask: Ask
    pids: list[int]
    times_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def cpu_now_s(self) -> float:
        times = [psutil.Process(pid).cpu_times() for pid in self.pids]
        return float(sum(each.user + each.system for each in times))


def main() -> None:
    clickhouse, redis = start_clickhouse(), start_redis()
    dashboards = []
    try:
        engine = migrated(clickhouse)
        asyncio.run(_fill(engine))
        _publish_prices(redis.url)
        for kept_bytes in ("0", "1000000000"):
            env = {"HISTORY_CACHE_BYTES": kept_bytes, "HISTORY_TIMEOUT_S": "25"}
            dashboards.append(start_dashboard(redis.url, CLICKHOUSE_URL=engine.reader_url, **env))
        computing, keeping = dashboards
        pid = clickhouse.process.pid
        contenders = {
            "bare query": Contender(_bare(engine), [pid]),
            "dashboard": Contender(_dashboard(computing.url), [pid, computing.process.pid]),
            "dashboard, kept answers": Contender(_dashboard(keeping.url), [pid, keeping.process.pid]),
        }
        asyncio.run(_measure(contenders))
        _report(contenders)
    finally:
        for dashboard in dashboards:
            dashboard.process.stop()
        stop_redis(redis)
        stop_clickhouse(clickhouse)


async def _fill(engine: Engine) -> None:
    """Prices with digits of their own, so that nothing is cheaper to write than in life."""
    for symbol in SYMBOLS:
        await engine.run(
            "INSERT INTO candles_1m_states "
            "(source, symbol, time, open, high, low, close, volume, quote_volume, rolling) "
            f"SELECT '{SOURCE}', '{symbol.upper()}', toDateTime({START_S} + 60 * number, 'UTC') AS time, "
            "(toDateTime64(time, 3, 'UTC'), toDecimal128(6000000 + rand() % 1000000, 18) / 100), 80000, 50000, "
            "(toDateTime64(time, 3, 'UTC'), toDecimal128(6000000 + rand(1) % 1000000, 18) / 100), 12.5, 851543.125, "
            f"(toDateTime64(time, 3, 'UTC'), 12345.678, 834567890.12) FROM numbers({CANDLES})"
        )
    await engine.run("OPTIMIZE TABLE candles_1m_states FINAL")


def _publish_prices(url: str) -> None:
    with Redis.from_url(url) as redis:
        redis.set("market:source", SOURCE)
        for symbol in SYMBOLS:
            redis.hset("market:last", symbol, last_price(symbol, "1"))


async def _measure(contenders: dict[str, Contender]) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers={"Accept-Encoding": "identity"}) as client:
        for name, contender in contenders.items():
            await _round(client, contender.ask, len(SYMBOLS))  # warm; where answers are kept: computed
            print(f"{name}: {len((await contender.ask(client, SYMBOLS[0])).content):,} bytes")
        for _ in range(ROUNDS):
            for contender in contenders.values():
                before_s = contender.cpu_now_s()
                contender.times_s += await _round(client, contender.ask, REQUESTS_A_ROUND)
                contender.cpu_s += contender.cpu_now_s() - before_s


def _bare(engine: Engine) -> Ask:
    parts = urlsplit(engine.url)

    async def ask(client: httpx.AsyncClient, symbol: str) -> httpx.Response:
        request = Request(symbol, "1m", SOURCE, START_S, END_S, CANDLES, "json")
        bound = {f"param_{name}": str(value) for name, value in request.parameters(START_S, END_S).items()}
        settings = {name: str(value) for name, value in SETTINGS.items()}
        return await client.post(
            f"http://{parts.hostname}:{parts.port}/",
            params={"database": parts.path.strip("/"), **settings, **bound},
            auth=(parts.username or "", parts.password or ""),
            content=f"{candles_query(request)} FORMAT JSONEachRow".encode(),
        )

    return ask


def _dashboard(url: str) -> Ask:
    async def ask(client: httpx.AsyncClient, symbol: str) -> httpx.Response:
        query: dict[str, str | int] = {"interval": "1m", "from": START_S * 1000, "to": END_S * 1000, "limit": CANDLES}
        return await client.get(f"{url}/v1/history/{symbol}", params=query)

    return ask


async def _round(client: httpx.AsyncClient, ask: Ask, requests: int) -> list[float]:
    """Seconds of each request; ends by itself when the round takes too long."""
    symbols = itertools.islice(itertools.cycle(SYMBOLS), requests)
    deadline_s = time.perf_counter() + ROUND_LIMIT_S
    served = await asyncio.gather(*(_serve(client, ask, symbols, deadline_s) for _ in range(CLIENTS)))
    return [seconds for one in served for seconds in one]


async def _serve(client: httpx.AsyncClient, ask: Ask, symbols: Iterator[str], deadline_s: float) -> list[float]:
    times = []
    for symbol in symbols:
        began_s = time.perf_counter()
        (await ask(client, symbol)).raise_for_status()
        times.append(time.perf_counter() - began_s)
        if time.perf_counter() > deadline_s:
            break
    return times


def _report(contenders: dict[str, Contender]) -> None:
    bare = contenders["bare query"]
    floor, floor_cpu_s = statistics.quantiles(bare.times_s, n=100), bare.cpu_s / len(bare.times_s)
    for name, contender in contenders.items():
        requests, cuts = len(contender.times_s), statistics.quantiles(contender.times_s, n=100)
        cpu_s = contender.cpu_s / requests
        median = f"median {cuts[49] * 1000:6.0f} ms = {cuts[49] / floor[49]:.2f} x bare"
        slowest = f"p99 {cuts[98] * 1000:6.0f} ms = {cuts[98] / floor[98]:.2f} x bare"
        cpu = f"CPU {cpu_s * 1000:5.0f} ms = {cpu_s / floor_cpu_s:.2f} x bare"
        print(f"{name:24} {requests:4} requests  {median}  {slowest}  {cpu}")
