"""The operator's overview: what is stored, how fast and how late, what lags, and, in sentences, what is down.

Each part is read within its own deadline and at most so often, for any number of viewers; what does not answer is a
sentence among the problems, and the other parts are there all the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from services.common.errors import ApiError
from services.dashboard import metrics
from services.dashboard.answers import Document
from services.dashboard.kafka import LagReader, PartitionLag
from services.dashboard.redis import MarketReader
from services.dashboard.storage import BUCKET_S, CHART_S, COLUMNS, Age, Ingest, Storage, Table, Tape
from services.dashboard.ttl_value import TtlValue
from services.market.fill import FillProgress
from services.market.resume import Break

LIVE_S = 1.0
SLOW_S = 5.0
STALE_MS = 15_000
LATE_MS = 60_000
DAY_MS = 86_400_000

T = TypeVar("T")


class Reading(NamedTuple, Generic[T]):
    """The value of a part, or the sentence that explains why it is missing."""

    value: T | None = None
    problem: str | None = None


class Prices(msgspec.Struct, frozen=True):
    source: str
    symbols: int
    newest_ms: int | None
    age_ms: int | None


class Overview(msgspec.Struct, frozen=True):
    time: int
    problems: list[str]
    prices: Prices | None
    fill: FillProgress | None
    age: Age | None
    ingest: list[Ingest]
    lag: list[PartitionLag]
    tables: list[Table]
    tape: Tape | None
    breaks: list[Break]
    """Times of which mini-tickers are missing, within the last day."""
    rows: list[list[str]]
    columns: tuple[str, ...] = COLUMNS
    bucket_s: int = BUCKET_S
    chart_s: int = CHART_S


class Overviews:
    """The document, put together at most once a second."""

    def __init__(self, market: MarketReader, storage: Storage | None, lag: LagReader | None) -> None:
        self._market = market
        self._prices = TtlValue(LIVE_S, self._read_prices)
        self._keeps_history = storage is not None
        no_clickhouse = "No ClickHouse is configured (CLICKHOUSE_URL), so nothing is kept."
        no_answer = "ClickHouse does not answer: no history, and nothing new is kept. What Kafka holds is not lost."
        no_kafka = "No Kafka is configured (KAFKA_BOOTSTRAP_SERVERS), so the consumer's lag is not known."
        silent = "Kafka does not answer: the aggregator holds new rows back as long as it can."
        self._rows = _part("clickhouse", LIVE_S, storage.newest_rows if storage else None, no_clickhouse, no_answer)
        self._age = _part("clickhouse", LIVE_S, storage.age if storage else None, no_clickhouse, no_answer)
        self._ingest = _part("clickhouse", SLOW_S, storage.ingest if storage else None, no_clickhouse, no_answer)
        self._tables = _part("clickhouse", SLOW_S, storage.tables if storage else None, no_clickhouse, no_answer)
        self._tape = _part("clickhouse", SLOW_S, storage.tape if storage else None, no_clickhouse, no_answer)
        self._lag = _part("kafka", LIVE_S, lag.read if lag else None, no_kafka, silent)
        self._document = TtlValue(LIVE_S, self._read)

    async def document(self) -> Document:
        return await self._document.get()

    async def _read(self) -> Document:
        metrics.OVERVIEWS.inc()
        fill = await self._read_fill()
        tape = await self._tape.get()
        prices, age, ingest, lag, tables, rows = readings = await asyncio.gather(
            self._prices.get(),
            self._age.get(),
            self._ingest.get(),
            self._lag.get(),
            self._tables.get(),
            self._rows.get(),
        )
        problems = [part.problem for part in (*readings, tape) if part.problem]
        now_ms = time.time_ns() // 1_000_000
        overview = Overview(
            time=now_ms,
            problems=[*dict.fromkeys(problems), *_delays(prices.value, age.value, lag.value), *_obstacle(fill)],
            prices=prices.value,
            fill=fill,
            age=age.value,
            ingest=ingest.value or [],
            lag=lag.value or [],
            tables=tables.value or [],
            tape=tape.value,
            breaks=[found for found in await self._market.breaks() if found.to_ms >= now_ms - DAY_MS],
            rows=rows.value or [],
        )
        return Document(msgspec.json.encode(overview), 0)

    async def _read_fill(self) -> FillProgress | None:
        """None where there is no history to fill, and while Redis does not answer."""
        try:
            return await self._market.fill() if self._keeps_history else None
        except ApiError:
            return None

    async def _read_prices(self) -> Reading[Prices]:
        try:
            snapshot = await self._market.snapshot()
        except ApiError:
            return Reading(problem="No prices: Redis does not answer, or the aggregator has not published any yet.")
        newest_ms = max((quote.event_ms for quote in snapshot.quotes.values()), default=None)
        age_ms = None if newest_ms is None else max(0, snapshot.time_ms - newest_ms)
        return Reading(Prices(snapshot.source, len(snapshot.quotes), newest_ms, age_ms))


def _part(
    name: str, period_s: float, read: Callable[[], Awaitable[T]] | None, unset: str, silent: str
) -> TtlValue[Reading[T]]:
    async def reading() -> Reading[T]:
        if read is None:
            return Reading(problem=unset)
        try:
            value = await read()
        except (ApiError, OSError):
            metrics.PART_UP.labels(name).set(0)
            return Reading(problem=silent)
        metrics.PART_UP.labels(name).set(1)
        return Reading(value)

    return TtlValue(period_s, reading)


def _delays(prices: Prices | None, age: Age | None, lag: list[PartitionLag] | None) -> list[str]:
    """What answers, and is late all the same."""
    late = []
    if prices and (prices.age_ms or 0) > STALE_MS:
        late.append(f"Prices stand still: the newest is {(prices.age_ms or 0) // 1000} s old.")
    if age and age.age_ms is None:
        late.append("ClickHouse holds no row yet.")
    if age and (age.age_ms or 0) > LATE_MS:
        late.append(f"New rows do not arrive in ClickHouse: the newest is {(age.age_ms or 0) // 1000} s old.")
    if lag and all(partition.committed is None for partition in lag):
        late.append("The consumer group has committed nothing yet: is kafka_clickhouse running?")
    return late


def _obstacle(fill: FillProgress | None) -> list[str]:
    """What keeps the history from being filled."""
    return [f"History is not being filled. {fill.reason or fill.detail}"] if fill and fill.state == "waiting" else []
