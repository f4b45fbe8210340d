"""Rows from Kafka to ClickHouse, against column blocks that were built beforehand and are only inserted.

kafka_clickhouse is frozen while a topic is filled, then thawed and timed until all is stored; then as many rows go from
ready blocks of final types into a second database with the same schema and candles, by the same interface. In turns.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from aiokafka import AIOKafkaProducer
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.kafka_clickhouse.clickhouse import connect
from services.kafka_clickhouse.migrate import upgrade
from services.kafka_clickhouse.native import MARKET_TICKERS, TRADES, Table
from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.kafka_broker import RunningKafka, new_topic, start_kafka, stop_kafka
from tests.processes import Process, free_port, service, until_ready

ROWS = 300_000
ROUNDS = 3
PARTITIONS = 3
SYMBOLS = 400
BLOCK_ROWS = 50_000
PRODUCER_BATCH_BYTES = 256 * 1024
POLL_S = 0.1
"""To ask is the consumer's work too: 2 ms, which more often would show in its cost."""
START_MS = 1_767_225_600_000
SAME = {
    "o": "67000.00",
    "h": "68500.00",
    "l": "66800.01",
    "change_price": "1123.45",
    "change_percent": "1.67679104",
    "v": "12345.678",
    "q": "834567890.12",
    "src": "binance",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What is stored: its table, the column of its order in time, and a partition's share of a round's messages."""

    name: str
    table: Table[Any]
    time: str
    messages: Callable[[int, int], Iterator[tuple[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Round:
    """`ROWS` rows through Kafka, and as many from ready blocks. Seconds; the consumer's peak memory so far in MiB."""

    wall_s: float
    consumer_cpu_s: float
    engine_cpu_s: float
    kafka_cpu_s: float
    floor_wall_s: float
    floor_cpu_s: float
    peak_mib: float

    @property
    def cpu_s(self) -> float:
        return self.consumer_cpu_s + self.engine_cpu_s + self.kafka_cpu_s


@dataclass(frozen=True, slots=True)
class Bench:
    load: Load
    kafka: RunningKafka
    clickhouse: RunningClickHouse
    topic: str
    consumer: Process
    ops_port: int
    floor: AsyncClient


def main() -> None:
    kafka = start_kafka()
    clickhouse = start_clickhouse()
    try:
        for load in LOADS:
            print(load.name)
            _report(asyncio.run(_measure(load, kafka, clickhouse)))
    finally:
        stop_clickhouse(clickhouse)
        stop_kafka(kafka)


async def _measure(load: Load, kafka: RunningKafka, clickhouse: RunningClickHouse) -> list[Round]:
    async with _running(load, kafka, clickhouse) as bench:
        await _through_kafka(bench, 0)  # everything warm, and rows to make the blocks of
        source = await connect(_database(clickhouse, load))
        blocks = [
            await source.raw_query(
                f"SELECT {', '.join(load.table.columns)} FROM {load.table.name} ORDER BY {load.time} "
                f"LIMIT {BLOCK_ROWS} OFFSET {offset}",
                fmt="Native",
            )
            for offset in range(0, ROWS, BLOCK_ROWS)
        ]
        await source.close()
        rounds = []
        for number in range(1, ROUNDS + 1):
            through_kafka = await _through_kafka(bench, number)
            rounds.append(Round(*through_kafka, *await _from_blocks(bench, blocks), _peak_mib(bench.consumer.pid)))
        return rounds


@asynccontextmanager
async def _running(load: Load, kafka: RunningKafka, clickhouse: RunningClickHouse) -> AsyncIterator[Bench]:
    url = _database(clickhouse, load)
    floor_url = f"{url}_floor"
    for database in (url, floor_url):
        await upgrade(database, {})
    topic, other, ops_port = await new_topic(kafka.bootstrap, PARTITIONS), await new_topic(kafka.bootstrap), free_port()
    env = {
        "OPS_PORT": str(ops_port),
        "CLICKHOUSE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "KAFKA_TOPIC": topic if load.table is MARKET_TICKERS else other,
        "KAFKA_TRADE_TOPIC": topic if load.table is TRADES else other,
        "KAFKA_GROUP": topic,
        "KAFKA_SESSION_TIMEOUT_S": "120",
    }
    consumer = service("kafka_clickhouse", env).start()
    floor = await connect(floor_url)
    try:
        await until_ready(consumer, ops_port)
        yield Bench(load, kafka, clickhouse, topic, consumer, ops_port, floor)
    finally:
        await floor.close()
        consumer.stop()


def _database(clickhouse: RunningClickHouse, load: Load) -> str:
    """The URL of one that the user may make."""
    return f"{clickhouse.url.rpartition('/')[0]}/test_bench_{load.table.name}"


async def _through_kafka(bench: Bench, number: int) -> tuple[float, float, float, float]:
    """Wall time, and CPU of consumer, engine and Kafka."""
    bench.consumer.freeze()
    await _fill(bench, number)
    pids = (bench.consumer.pid, bench.clickhouse.process.pid, bench.kafka.process.pid)
    before, began_s = [_cpu_s(pid) for pid in pids], time.perf_counter()
    bench.consumer.thaw()
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client, asyncio.timeout(300):
        while await _stored(client, bench) < (number + 1) * ROWS:  # noqa: ASYNC110 - the count is another process's
            await asyncio.sleep(POLL_S)
    wall_s = time.perf_counter() - began_s
    consumer_s, engine_s, kafka_s = (_cpu_s(pid) - earlier for pid, earlier in zip(pids, before, strict=True))
    return wall_s, consumer_s, engine_s, kafka_s


async def _stored(client: httpx.AsyncClient, bench: Bench) -> float:
    text = (await client.get(f"http://127.0.0.1:{bench.ops_port}/metrics")).text
    sample = next(line for line in text.splitlines() if line.startswith("kafka_clickhouse_rows_total "))
    return float(sample.split()[1])


async def _from_blocks(bench: Bench, blocks: list[bytes]) -> tuple[float, float]:
    """Wall time and CPU of engine and sender, three inserts at once, as there are partitions."""
    mine, waiting = psutil.Process().pid, iter(blocks)
    before_s, began_s = _cpu_s(bench.clickhouse.process.pid) + _cpu_s(mine), time.perf_counter()
    table, once = bench.load.table, {"insert_deduplicate": 0}

    async def insert() -> None:
        for block in waiting:
            await bench.floor.raw_insert(table.name, table.columns, block, settings=once, fmt="Native")

    await asyncio.gather(*(insert() for _ in range(PARTITIONS)))
    wall_s = time.perf_counter() - began_s
    return wall_s, _cpu_s(bench.clickhouse.process.pid) + _cpu_s(mine) - before_s


async def _fill(bench: Bench, number: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bench.kafka.bootstrap, compression_type="lz4", max_batch_size=PRODUCER_BATCH_BYTES
    )
    await producer.start()
    try:
        for partition in range(PARTITIONS):
            messages = bench.load.messages(number, partition)
            left = next(messages, None)
            while left is not None:
                batch = producer.create_batch()
                while left is not None and batch.append(key=left[0], value=left[1], timestamp=None):
                    left = next(messages, None)
                await (await producer.send_batch(batch, bench.topic, partition=partition))
    finally:
        await producer.stop()


def _ticks(number: int, partition: int) -> Iterator[tuple[bytes, bytes]]:
    """A partition's share of a round: different events, as the market brings them one after the other."""
    for n in range(ROWS // PARTITIONS):
        symbol = f"S{partition}{n % SYMBOLS}USDT"
        event_ms = START_MS + (number * ROWS + n // SYMBOLS) * 1_000 + n % SYMBOLS
        message = {
            "message_id": f"{symbol}:{event_ms}",
            "e": "24hrMiniTicker",
            "E": event_ms,
            "receive_time": event_ms + 87,
            "s": symbol,
            "c": f"{n * 7_919 % 9_999_991 / 100:.2f}",
            **SAME,
        }
        yield symbol.encode(), json.dumps(message, separators=(",", ":")).encode()


def _trades(number: int, partition: int) -> Iterator[tuple[bytes, bytes]]:
    """The same of trades, in the order of their ids."""
    for n in range(ROWS // PARTITIONS):
        symbol = f"S{partition}{n % SYMBOLS}USDT"
        trade_id = 1_000_000 + number * ROWS + n // SYMBOLS
        made_ms = START_MS + (number * ROWS + n // SYMBOLS) * 1_000 + n % SYMBOLS
        message = {
            "e": "aggTrade",
            "E": made_ms + 2,
            "s": symbol,
            "a": trade_id,
            "p": f"{n * 7_919 % 9_999_991 / 100:.8f}",
            "q": f"{n * 104_729 % 9_999_991 / 1_000_000:.8f}",
            "f": 2 * trade_id,
            "l": 2 * trade_id + 1,
            "T": made_ms,
            "m": n % 2 == 0,
            "M": True,
            "receive_time": made_ms + 87,
            "src": "binance",
        }
        yield symbol.encode(), json.dumps(message, separators=(",", ":")).encode()


LOADS = [Load("mini-tickers", MARKET_TICKERS, "event_time", _ticks), Load("trades", TRADES, "trade_time", _trades)]


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _peak_mib(pid: int) -> float:
    """The most it has ever held (VmHWM; Linux only)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _report(rounds: list[Round]) -> None:
    def median(values: list[float]) -> float:
        return statistics.median(values)

    def us(values: list[float]) -> str:
        return f"{median(values) / ROWS * 1e6:.2f} us"

    cpu_ratio = median([r.cpu_s / r.floor_cpu_s for r in rounds])
    wall_ratio = median([r.wall_s / r.floor_wall_s for r in rounds])
    rows = {
        "rows a second, Kafka to ClickHouse": f"{ROWS / median([r.wall_s for r in rounds]):,.0f}",
        "rows a second, ready blocks": f"{ROWS / median([r.floor_wall_s for r in rounds]):,.0f}",
        "time, Kafka to ClickHouse": f"{wall_ratio:.2f} x ready blocks",
        "CPU per row, ready blocks (engine and sender)": us([r.floor_cpu_s for r in rounds]),
        "CPU per row, Kafka to ClickHouse": f"{us([r.cpu_s for r in rounds])} = {cpu_ratio:.2f} x ready blocks",
        "    kafka_clickhouse": us([r.consumer_cpu_s for r in rounds]),
        "    ClickHouse": us([r.engine_cpu_s for r in rounds]),
        "    Kafka": us([r.kafka_cpu_s for r in rounds]),
        "most memory of kafka_clickhouse": f"{rounds[-1].peak_mib:.0f} MiB",
        "rows a second that two cores' CPU time would pay for": f"{2 * ROWS / median([r.cpu_s for r in rounds]):,.0f}",
    }
    for label, value in rows.items():
        print(f"{label:58} {value}")
