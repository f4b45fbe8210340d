"""How long the history of 20 symbols takes to fill itself against the simulator, which counts as the exchange does.

Redis, the engine, the simulator and backfill are real processes: 30 days of minutes, a year of hours and all days of
each symbol (the simulator lists it for 90), with nothing there before.
"""

import asyncio
import json
import re
import sys
import time

import httpx
import psutil
from redis import Redis

from services.kafka_clickhouse.migrate import upgrade
from services.market.fill import FillProgress, decode_fill
from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.conftest import RunningRedis, start_redis, stop_redis
from tests.processes import Process, free_port, service, until_ready

SYMBOLS = 20
BUDGET_S = 60.0
LIMIT_S = 600.0
_CANDLES = re.compile(r'backfill_candles_total\{interval="\w+",outcome="written"\} ([\d.]+)')
_WEIGHT = re.compile(r"^backfill_used_weight ([\d.]+)", re.MULTILINE)


def main() -> None:
    redis, clickhouse = start_redis(), start_clickhouse()
    rest_port, ops_port = free_port(), free_port()
    ports = {"STREAM_PORT": str(free_port()), "REST_PORT": str(rest_port), "OPS_PORT": str(ops_port)}
    simulator = service("simulator", {**ports, "SYMBOL_COUNT": str(SYMBOLS)}).start()
    try:
        asyncio.run(upgrade(clickhouse.url, {}))
        asyncio.run(until_ready(simulator, ops_port))
        _measure(redis, clickhouse, simulator, f"http://127.0.0.1:{rest_port}")
    finally:
        simulator.stop()
        stop_clickhouse(clickhouse)
        stop_redis(redis)


def _measure(redis: RunningRedis, clickhouse: RunningClickHouse, simulator: Process, exchange_url: str) -> None:
    with Redis.from_url(redis.url) as market:
        _offer(market, exchange_url)
        ops_port = free_port()
        env = {
            "CLICKHOUSE_URL": clickhouse.url,
            "EXCHANGE_REST_URL": exchange_url,
            "EXCHANGE_SOURCE": "simulator",
            "REDIS_URL": redis.url,
            "OPS_PORT": str(ops_port),
        }
        parts = {"backfill": Process([sys.executable, "-m", "services.backfill", "serve"], env)}
        began_s = time.monotonic()
        parts["backfill"].start()
        parts |= {"engine": clickhouse.process, "simulator": simulator}
        before = {name: _cpu_s(process) for name, process in parts.items()}
        try:
            took_s = _until_filled(market) - began_s
            cpu_s = {name: _cpu_s(process) - before[name] for name, process in parts.items()}
            metrics = httpx.get(f"http://127.0.0.1:{ops_port}/metrics", trust_env=False).text
            memory = psutil.Process(parts["backfill"].pid).memory_full_info().pss
        finally:
            parts["backfill"].stop()
    candles = sum(float(count) for count in _CANDLES.findall(metrics))
    weight = _WEIGHT.search(metrics)
    print(f"{SYMBOLS} symbols filled in {took_s:.1f} s: {took_s / BUDGET_S:.2f} of the budget of {BUDGET_S:.0f} s")
    print(f"{candles:,.0f} candles, {candles / took_s:,.0f} a second; weight of the last minute {weight and weight[1]}")
    print("CPU: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in cpu_s.items()))
    print(f"memory of backfill {memory / 2**20:.0f} MiB")


def _offer(market: Redis, exchange_url: str) -> None:
    listed = httpx.get(f"{exchange_url}/api/v3/exchangeInfo", trust_env=False).json()["symbols"]
    listings = [
        {"symbol": one["symbol"].lower(), "base": one["baseAsset"], "quote": one["quoteAsset"], "status": one["status"]}
        for one in listed
    ]
    market.set("market:symbols", json.dumps({"symbols": listings}))
    market.set("market:wanted", json.dumps({"symbols": sorted(one["symbol"] for one in listings)}))


def _until_filled(market: Redis) -> float:
    """When it was, in monotonic time."""
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        document: bytes | None = market.get("market:fill")  # type: ignore[assignment]
        progress = decode_fill(document) if document else FillProgress("waiting")
        if progress.state == "idle" and progress.symbols_done == SYMBOLS:
            return time.monotonic()
        time.sleep(0.2)
    raise RuntimeError(f"not filled within {LIMIT_S:.0f} s")


def _cpu_s(process: Process) -> float:
    one = psutil.Process(process.pid)
    times = [each.cpu_times() for each in (one, *one.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))
