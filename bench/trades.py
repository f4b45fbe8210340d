"""`/trades` for one hour of the liveliest symbol, out of a day of it, by the dashboard that keeps no answers."""

import asyncio
import statistics
import time

import httpx
import psutil
from redis import Redis

from tests.clickhouse_server import start_clickhouse, stop_clickhouse
from tests.conftest import start_redis, stop_redis
from tests.dashboard.conftest import SOURCE, Engine, last_price, migrated, start_dashboard

SYMBOL = "btcusdt"
TRADES_A_S = 15
START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
DAY_TRADES = 24 * 3_600 * TRADES_A_S
ASKED = 15
BUDGET_MS = 150


def main() -> None:
    clickhouse, redis = start_clickhouse(), start_redis()
    try:
        engine = migrated(clickhouse)
        asyncio.run(_fill(engine))
        with Redis.from_url(redis.url) as client:
            client.set("market:source", SOURCE)
            client.hset("market:last", SYMBOL, last_price(SYMBOL, "1"))
        env = {"HISTORY_CACHE_BYTES": "0", "HISTORY_TIMEOUT_S": "25"}
        dashboard = start_dashboard(redis.url, CLICKHOUSE_URL=engine.reader_url, **env)
        try:
            asyncio.run(_measure(dashboard.url, [clickhouse.process.pid, dashboard.process.pid]))
        finally:
            dashboard.process.stop()
    finally:
        stop_redis(redis)
        stop_clickhouse(clickhouse)


async def _fill(engine: Engine) -> None:
    """A day, an insert an hour, as many as a few parts; prices and quantities with digits of their own."""
    for hour in range(24):
        await engine.run(
            "INSERT INTO trades (symbol, trade_id, price, quantity, first_id, last_id, event_time, trade_time, "
            f"buyer_is_maker, receive_time, source) SELECT '{SYMBOL.upper()}', number, "
            "toDecimal128(6000000 + rand() % 1000000, 18) / 100, toDecimal128(rand(1) % 1000000, 18) / 1000000, "
            "2 * number, 2 * number + 1, made, made, rand(2) % 2, made, "
            f"'{SOURCE}' FROM (SELECT number, "
            f"fromUnixTimestamp64Milli(toInt64({START_MS} + number * 1000 / {TRADES_A_S})) AS made "
            f"FROM numbers({hour * DAY_TRADES // 24}, {DAY_TRADES // 24}))"
        )


async def _measure(url: str, pids: list[int]) -> None:
    times_ms, before_s = [], 0.0
    async with httpx.AsyncClient(trust_env=False, timeout=60, headers={"Accept-Encoding": "identity"}) as client:
        for number in range(ASKED + 1):
            begin = START_MS + (number % 23) * HOUR_MS
            began_s = time.perf_counter()
            answer = await client.get(f"{url}/trades/{SYMBOL}?from={begin}&to={begin + HOUR_MS}&limit=100000")
            if not number:  # for connections and caches
                before_s = _cpu_s(pids)
            else:
                times_ms.append((time.perf_counter() - began_s) * 1000)
            assert answer.text.count('"id"') == DAY_TRADES // 24, answer.text[:200]
    size, cpu_ms = len(answer.content), (_cpu_s(pids) - before_s) / ASKED * 1000
    print(f"{'one hour, ' + format(DAY_TRADES // 24, ',') + ' trades':58} {size:,} bytes")
    print(f"{'median time':58} {statistics.median(times_ms):.0f} ms (budget {BUDGET_MS})")
    print(f"{'CPU of engine and dashboard':58} {cpu_ms:.0f} ms")
    print(f"{'slowest':58} {max(times_ms):.0f} ms")


def _cpu_s(pids: list[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))
