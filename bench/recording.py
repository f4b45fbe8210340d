"""What it costs to record the trades of the 100 busiest symbols, from socket to ClickHouse, in per cent of a core.

All are real processes. The simulator trades at a known rate; the aggregator records all symbols and none in turns, with
mini-tickers in both, so that the difference is the tape's. CPU is each process's own, user and kernel.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import psutil

from services.kafka_clickhouse.migrate import upgrade
from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.conftest import RunningRedis, start_redis, stop_redis
from tests.kafka_broker import RunningKafka, start_kafka, stop_kafka
from tests.processes import Process, free_port, service, until, until_ready

SYMBOLS = 100
RATES = (1.0, 4.0)
"""Of the simulator. At 1 its busiest symbol trades 15 times a second, as BTCUSDT does on the median, and the n-th an
n-th as often: 78 trades a second. At 4 they are 311."""
ROUNDS = 3
TURN_S = 20.0
SETTLE_S = 8.0
"""After it, what a start costs is over, and what is no longer wanted has been given up."""
BUDGET_PERCENT = 10
OURS = ("socket", "aggregator", "kafka_clickhouse")
SERVERS = ("kafka", "clickhouse")


@dataclass(frozen=True, slots=True)
class Turn:
    """Per cent of a core by process, and how many trades the aggregator accepted in a second."""

    percent: dict[str, float]
    trades_a_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    redis: RunningRedis
    kafka: RunningKafka
    clickhouse: RunningClickHouse
    grpc_port: int
    pids: dict[str, int]
    """Of all processes but the aggregator."""


def main() -> None:
    redis, kafka, clickhouse = start_redis(), start_kafka(), start_clickhouse()
    try:
        for rate in RATES:
            _report(asyncio.run(_measure(redis, kafka, clickhouse, rate)))
    finally:
        stop_clickhouse(clickhouse)
        stop_kafka(kafka)
        stop_redis(redis)


async def _measure(
    redis: RunningRedis, kafka: RunningKafka, clickhouse: RunningClickHouse, rate: float
) -> list[tuple[Turn, Turn]]:
    """Pairs of a turn without the tape and one with it."""
    await upgrade(clickhouse.url, {})
    stream_port, rest_port, grpc_port = free_port(), free_port(), free_port()
    market = {"STREAM_PORT": stream_port, "REST_PORT": rest_port, "SYMBOL_COUNT": SYMBOLS, "RATE": rate}
    exchange = {
        "GRPC_ADDRESS": f"127.0.0.1:{grpc_port}",
        "EXCHANGE_STREAM_URL": f"ws://127.0.0.1:{stream_port}",
        "EXCHANGE_REST_URL": f"http://127.0.0.1:{rest_port}",
        "EXCHANGE_SOURCE": "simulator",
    }
    stores = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "CLICKHOUSE_URL": clickhouse.url}
    async with (
        _running("simulator", market),
        _running("socket", exchange) as (socket, _),
        _running("kafka_clickhouse", stores) as (consumer, _),
    ):
        processes = {
            "socket": socket,
            "kafka_clickhouse": consumer,
            "kafka": kafka.process,
            "clickhouse": clickhouse.process,
        }
        pids = {name: process.pid for name, process in processes.items()}
        bench = Bench(redis, kafka, clickhouse, grpc_port, pids)
        return [(await _turn(bench, "wanted"), await _turn(bench, "all")) for _ in range(ROUNDS)]


@asynccontextmanager
async def _running(name: str, env: Mapping[str, object]) -> AsyncIterator[tuple[Process, int]]:
    """A service, ready, and its OPS_PORT."""
    ops_port = free_port()
    process = service(name, {"OPS_PORT": str(ops_port)} | {key: str(value) for key, value in env.items()}).start()
    try:
        await until_ready(process, ops_port)
        yield process, ops_port
    finally:
        process.stop()


async def _turn(bench: Bench, recorded: str) -> Turn:
    env: dict[str, object] = {
        "HTTP_PORT": free_port(),
        "SOCKET_TARGET": f"127.0.0.1:{bench.grpc_port}",
        "REDIS_URL": bench.redis.url,
        "KAFKA_BOOTSTRAP_SERVERS": bench.kafka.bootstrap,
        "RECORD_SYMBOLS": recorded,
    }
    async with (
        _running("aggregator", env) as (aggregator, ops_port),
        httpx.AsyncClient(trust_env=False, timeout=30, base_url=f"http://127.0.0.1:{ops_port}") as client,
    ):
        if recorded == "all":
            await until(lambda: _trades(client), what="trades to come")
        await asyncio.sleep(SETTLE_S)
        pids, loop = bench.pids | {"aggregator": aggregator.pid}, asyncio.get_running_loop()
        before, trades, began_s = _cpu_s(pids), await _trades(client), loop.time()
        await asyncio.sleep(TURN_S)
        after, seconds = _cpu_s(pids), loop.time() - began_s
        trades = await _trades(client) - trades
    return Turn({name: 100 * (after[name] - before[name]) / seconds for name in pids}, trades / seconds)


async def _trades(client: httpx.AsyncClient) -> float:
    """How many the aggregator has accepted."""
    text = (await client.get("/metrics")).text
    sample = next(line for line in text.splitlines() if line.startswith("aggregator_trades_total "))
    return float(sample.split()[1])


def _cpu_s(pids: dict[str, int]) -> dict[str, float]:
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: float(time.user + time.system) for name, time in times.items()}


def _report(turns: list[tuple[Turn, Turn]]) -> None:
    trades_a_s = statistics.median(recorded.trades_a_s for _, recorded in turns)

    def percent(parts: Iterable[str]) -> float:
        """Of a core, for the tape alone."""
        names = list(parts)
        return statistics.median(sum(on.percent[name] - off.percent[name] for name in names) for off, on in turns)

    ours, all_percent = percent(OURS), percent((*OURS, *SERVERS))
    print(f"{SYMBOLS} symbols, {trades_a_s:,.0f} trades a second")
    rows = {
        "to record them, our processes": f"{ours:.1f} % of a core (budget {BUDGET_PERCENT} %)",
        **{f"    {name}": f"{percent([name]):.1f} %" for name in OURS},
        "CPU per trade, our processes": f"{ours / 100 / trades_a_s * 1e6:.0f} us",
        "with the servers, which work for them": f"{all_percent:.1f} %",
        **{f"    {name}": f"{percent([name]):.1f} %" for name in SERVERS},
        "the same processes without the tape": (
            f"{statistics.median(sum(off.percent.values()) for off, _ in turns):.1f} %"
        ),
    }
    for label, value in rows.items():
        print(f"{label:58} {value}")
