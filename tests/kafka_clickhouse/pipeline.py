"""A topic, a database, and consumers between them as real processes; and what is to be found at the end."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.kafka_clickhouse.clickhouse import connect
from services.kafka_clickhouse.migrate import upgrade
from tests.kafka_broker import new_topic
from tests.processes import Process, free_port, service, until, until_ready

START_MS = 1_767_225_600_000
INTERVALS_S = {"1s": 1, "1m": 60, "1h": 3_600, "1d": 86_400}


@dataclass(frozen=True, slots=True)
class Tick:
    """One mini-ticker, as far as it decides what is to be found."""

    symbol: str
    event_ms: int
    price: Decimal
    source: str = "binance"

    @property
    def key(self) -> tuple[str, int, str]:
        return self.symbol, self.event_ms, self.source

    @property
    def value(self) -> bytes:
        message = {
            "message_id": f"{self.symbol}:{self.event_ms}",
            "e": "24hrMiniTicker",
            "E": self.event_ms,
            "receive_time": self.event_ms + 87,
            "s": self.symbol,
            "c": str(self.price),
            "o": "67000.00",
            "h": "68500.00",
            "l": "66800.01",
            "change_price": str(self.price - 67_000),
            "change_percent": "1.67679104",
            "v": "12345.678",
            "q": "834567890.12",
            "src": self.source,
        }
        return json.dumps(message).encode()


def ticks(count: int, *, symbols: int = 40, first: int = 0) -> list[Tick]:
    """`count` different ticks of `symbols` symbols, a second apart each; number `first` is the first."""
    return [
        Tick(f"SYM{n % symbols}USDT", START_MS + n // symbols * 1_000 + n % symbols, Decimal(n % 9_973 + 1) / 100)
        for n in range(first, first + count)
    ]


@dataclass(frozen=True, slots=True)
class Trade:
    """One aggregate trade, as far as it decides what is to be found."""

    symbol: str
    trade_id: int
    price: Decimal
    source: str = "binance"

    @property
    def key(self) -> tuple[str, int, str]:
        return self.symbol, self.trade_id, self.source

    @property
    def value(self) -> bytes:
        made_ms = START_MS + self.trade_id * 7
        message = {
            "e": "aggTrade",
            "E": made_ms + 3,
            "s": self.symbol,
            "a": self.trade_id,
            "p": str(self.price),
            "q": "0.01250000",
            "f": 10 * self.trade_id,
            "l": 10 * self.trade_id + 4,
            "T": made_ms,
            "m": self.trade_id % 3 == 0,
            "M": True,
            "receive_time": made_ms + 90,
            "src": self.source,
        }
        return json.dumps(message).encode()


def trades(count: int, *, symbols: int = 40, first: int = 0) -> list[Trade]:
    """`count` different trades of `symbols` symbols; number `first` is the first."""
    return [
        Trade(f"SYM{n % symbols}USDT", 1 + n // symbols, Decimal(n % 9_973 + 1) / 100)
        for n in range(first, first + count)
    ]


Event = Tick | Trade


@dataclass(frozen=True, slots=True)
class Kind:
    """What goes through a pipeline: its events, its table, and the columns of a row's key."""

    name: str
    make: Callable[..., list[Any]]
    table: str
    key: str


TICKS = Kind("ticks", ticks, "market_tickers", "symbol, toUnixTimestamp64Milli(event_time), source")
TRADES = Kind("trades", trades, "trades", "symbol, trade_id, source")
KINDS = [TICKS, TRADES]


@dataclass(slots=True)
class Message:
    """What a consumer reads, as far as we use it."""

    offset: int
    value: bytes | None
    key: bytes | None = None


@dataclass(slots=True)
class Consumer:
    """One kafka_clickhouse."""

    process: Process
    ops_port: int

    async def ready(self) -> None:
        await until_ready(self.process, self.ops_port, 60)

    async def problems(self) -> dict[str, str]:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ops_port}/readyz")
        found: dict[str, str] = answer.json()["problems"]
        return found

    async def metric(self, name: str) -> float:
        """The sum over all labels."""
        return sum((await self.metrics(name)).values())

    async def metrics(self, name: str) -> dict[str, float]:
        """The values by their labels, as they are written (`{partition="0"}`)."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            text = (await client.get(f"http://127.0.0.1:{self.ops_port}/metrics")).text
        lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return {line.removeprefix(name).rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@dataclass(slots=True)
class Pipeline:
    """What the consumers of a test stand between. `start` as many as wanted; leaving the context ends them."""

    kind: Kind
    bootstrap: str
    url: str
    client: AsyncClient
    topic: str
    dead_letter_topic: str
    other_topics: tuple[str, str]
    """Topic and dead letters of the other kind."""
    producer: AIOKafkaProducer
    consumers: list[Consumer] = field(default_factory=list)

    @property
    def topics(self) -> dict[str, str]:
        """The consumer's settings of both kinds."""
        tickers, trades = (self.topic, self.dead_letter_topic), self.other_topics
        if self.kind is TRADES:
            tickers, trades = trades, tickers
        return {
            "KAFKA_TOPIC": tickers[0],
            "KAFKA_DEAD_LETTER_TOPIC": tickers[1],
            "KAFKA_TRADE_TOPIC": trades[0],
            "KAFKA_TRADE_DEAD_LETTER_TOPIC": trades[1],
        }

    def start(self, **env: str) -> Consumer:
        """Start a consumer, without waiting for it."""
        ops_port = free_port()
        defaults = {
            "OPS_PORT": str(ops_port),
            "CLICKHOUSE_URL": self.url,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            **self.topics,
            "KAFKA_GROUP": self.topic,
            "KAFKA_SESSION_TIMEOUT_S": "6",
            "BATCH_AGE_S": "0.2",
        }
        consumer = Consumer(service("kafka_clickhouse", defaults | env).start(), ops_port)
        self.consumers.append(consumer)
        return consumer

    async def send(self, sent: Iterable[Event]) -> None:
        """Produce, and wait for Kafka's confirmation of all of them."""
        await self.send_raw((event.symbol.encode(), event.value) for event in sent)

    async def send_raw(self, messages: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        sending = [await self.producer.send(self.topic, value=value, key=key) for key, value in messages]
        await asyncio.gather(*sending)

    async def rows(self, *, final: bool = True) -> list[tuple[str, int, str]]:
        """The keys of what is stored, in order."""
        table = f"{self.kind.table} FINAL" if final else self.kind.table
        return [tuple(row) for row in await self.query(f"SELECT {self.kind.key} FROM {table} ORDER BY ALL")]

    async def query(self, sql: str) -> list[Any]:
        return list((await self.client.query(sql)).result_rows)

    async def count(self) -> int:
        """Different rows that are stored."""
        ((count,),) = await self.query(f"SELECT uniqExact({self.kind.key}) FROM {self.kind.table}")
        return int(count)

    async def until_stored(self, count: int, timeout_s: float = 60.0) -> None:
        async def stored() -> bool:
            return await self.count() >= count

        await until(stored, timeout_s, f"{count} rows in ClickHouse")

    async def assert_exactly(self, sent: Iterable[Event]) -> None:
        """No row missing, none twice, no other; and the candles are those of the ticks that were sent."""
        expected = list(sent)
        assert await self.rows() == sorted({event.key for event in expected})
        seen = [event for event in expected if isinstance(event, Tick)]
        for interval, length_s in INTERVALS_S.items():
            await self._until_candles(interval, candles_of(seen, length_s))

    async def _until_candles(self, interval: str, expected: list[tuple[Any, ...]]) -> None:
        """An insert shows in the table a moment before it does in the candles."""

        async def as_expected() -> bool:
            return await self.candles(interval) == expected

        await until(as_expected, 60, f"candles of {interval} as expected")

    async def candles(self, interval: str) -> list[tuple[Any, ...]]:
        return await self.query(
            f"SELECT source, symbol, toUnixTimestamp(time), open, high, low, close FROM candles_{interval} ORDER BY ALL"
        )

    async def dead_letters(self, count: int) -> list[Any]:
        """The first `count` records of the dead-letter topic."""
        reader = AIOKafkaConsumer(
            self.dead_letter_topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await reader.start()
        try:
            found: list[Any] = []
            async with asyncio.timeout(60):
                while len(found) < count:
                    for records in (await reader.getmany(timeout_ms=200)).values():
                        found += records
            return found
        finally:
            await reader.stop()


def candles_of(seen: Iterable[Tick], length_s: int) -> list[tuple[Any, ...]]:
    """The candles of what was seen, by their definition, in plain Python."""
    groups: dict[tuple[str, str, int], list[Tick]] = {}
    for tick in seen:
        start_s = tick.event_ms // 1_000 // length_s * length_s
        groups.setdefault((tick.source, tick.symbol, start_s), []).append(tick)
    return sorted((*key, *_ohlc(group)) for key, group in groups.items())


def _ohlc(group: list[Tick]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    first = min(group, key=lambda tick: (tick.event_ms, tick.price))
    last = max(group, key=lambda tick: (tick.event_ms, tick.price))
    prices = [tick.price for tick in group]
    return first.price, max(prices), min(prices), last.price


@asynccontextmanager
async def pipeline(
    bootstrap: str, server_url: str, consumer_url: str | None = None, kind: Kind = TICKS
) -> AsyncIterator[Pipeline]:
    """New topics and a new database. Consumers reach ClickHouse at `consumer_url`'s host when that is given."""
    database = f"test_{secrets.token_hex(6)}"
    url = f"{server_url.rpartition('/')[0]}/{database}"
    await upgrade(url, {})
    topic = await new_topic(bootstrap)
    dead_letter_topic = await new_topic(bootstrap, 1)
    other_topics = await new_topic(bootstrap), await new_topic(bootstrap, 1)
    client = await connect(url, timeout_s=120)  # the whole table is compared, on a busy machine
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5)
    await producer.start()
    seen_by_consumers = url if consumer_url is None else f"{consumer_url.rpartition('/')[0]}/{database}"
    made = Pipeline(kind, bootstrap, seen_by_consumers, client, topic, dead_letter_topic, other_topics, producer)
    try:
        yield made
    finally:
        for consumer in made.consumers:
            consumer.process.kill()
        await producer.stop()
        await client.command(f"DROP DATABASE {database}", use_database=False)
        await client.close()
