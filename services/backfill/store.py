"""ClickHouse as the back-fill uses it: which candles are exact already, and klines written as states.

A kline becomes what migrations/0002 and 0004 call a state: it opens at the first instant of its interval and closes at
the last, so that in coarser candles it takes its place among what was seen; `exact` and the volumes make it final in
its own. Writing it again changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlsplit

from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error

from services.backfill.errors import StorageError, TemporarilyUnavailableError
from services.backfill.plan import Interval, Span
from services.backfill.retries import retry_until
from services.common.clickhouse import answered, connect
from services.market.events import Kline

_TIMEOUT_S = 30.0

# ClickHouse, src/Common/ErrorCodes.cpp.
_NO_SCHEMA = {16: "no such column", 47: "unknown identifier", 60: "unknown table", 81: "unknown database"}
_LATER = {159: "timeout", 202: "too many queries", 210: "network", 241: "memory limit", 252: "too many parts"}
_AUTHENTICATION_FAILED = 516

_DECIMAL = "Decimal(38, 18)"
_MOMENT = f"Tuple(DateTime64(3, 'UTC'), {_DECIMAL})"
_COLUMNS = {
    "source": "LowCardinality(String)",
    "symbol": "LowCardinality(String)",
    "time": "DateTime('UTC')",
    "open": f"SimpleAggregateFunction(min, {_MOMENT})",
    "high": f"SimpleAggregateFunction(max, {_DECIMAL})",
    "low": f"SimpleAggregateFunction(min, {_DECIMAL})",
    "close": f"SimpleAggregateFunction(max, {_MOMENT})",
    "volume": f"SimpleAggregateFunction(max, Nullable({_DECIMAL}))",
    "quote_volume": f"SimpleAggregateFunction(max, Nullable({_DECIMAL}))",
    "exact": f"SimpleAggregateFunction(max, Tuple({_DECIMAL}, {_DECIMAL}, {_DECIMAL}, {_DECIMAL}))",
}

T = TypeVar("T")


@dataclass(slots=True)
class CandleStore:
    """The candles of one `source`. Every call is idempotent, has a deadline and is repeated for `patience_s`.

    Its methods raise `StorageError`, or `TemporarilyUnavailableError` when patience is over. Safe to cancel.
    """

    url: str
    source: str
    patience_s: float
    report: Callable[[str], None]
    _client: AsyncClient | None = None

    async def exact(self, symbol: str, span: Span) -> list[int]:
        """The numbers of the candles in `span` that need no back-fill, ascending."""
        length_s = span.interval.length_ms // 1_000
        sql = (
            f"SELECT intDiv(toUnixTimestamp(time), {length_s}) AS number FROM candles_{span.interval.name} "  # noqa: S608 - ours
            "WHERE source = {source:String} AND symbol = {symbol:String} AND volume IS NOT NULL "
            "AND time >= toDateTime({first:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC') ORDER BY number"
        )
        parameters = {
            "source": self.source,
            "symbol": symbol,
            "first": span.first * length_s,
            "end": span.end * length_s,
        }

        async def ask(client: AsyncClient) -> list[int]:
            return [number for (number,) in (await client.query(sql, parameters)).result_rows]

        return await self._retried(ask)

    async def write(self, symbol: str, interval: Interval, klines: Sequence[Kline]) -> None:
        """Write closed klines as exact candles."""
        columns = _columns(self.source, symbol, interval, klines)

        async def insert(client: AsyncClient) -> None:
            await client.insert(
                f"candles_{interval.name}_states",
                columns,
                column_names=list(_COLUMNS),
                column_type_names=list(_COLUMNS.values()),
                column_oriented=True,
            )

        await self._retried(insert)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _retried(self, work: Callable[[AsyncClient], Awaitable[T]]) -> T:
        async def attempt() -> T:
            async with answered(_TIMEOUT_S, lambda error: _translated(error, self.url)):
                if self._client is None:
                    self._client = await connect(self.url, timeout_s=_TIMEOUT_S)
                return await work(self._client)

        return await retry_until(attempt, self.patience_s, self.report)


def _columns(source: str, symbol: str, interval: Interval, klines: Sequence[Kline]) -> list[Sequence[object]]:
    """The klines in the order of `_COLUMNS`."""
    opens, highs, lows, closes = (
        [Decimal(price) for price in prices]
        for prices in zip(*((k.open, k.high, k.low, k.close) for k in klines), strict=True)
    )
    starts_ms = [kline.open_ms for kline in klines]
    return [
        [source] * len(klines),
        [symbol] * len(klines),
        [start_ms // 1_000 for start_ms in starts_ms],
        list(zip(starts_ms, opens, strict=True)),
        highs,
        lows,
        [(start_ms + interval.length_ms - 1, close) for start_ms, close in zip(starts_ms, closes, strict=True)],
        [Decimal(kline.volume) for kline in klines],
        [Decimal(kline.quote_volume) for kline in klines],
        list(zip(opens, highs, lows, closes, strict=True)),
    ]


def _translated(error: Exception, url: str) -> Exception:
    code = error.code if isinstance(error, Error) else None
    if code in _NO_SCHEMA:
        return StorageError("ClickHouse lacks our tables; run `python -m services.kafka_clickhouse migrate` first")
    if code == _AUTHENTICATION_FAILED:
        return StorageError("ClickHouse does not accept the name and password in CLICKHOUSE_URL")
    if code is None or code in _LATER:
        address = urlsplit(url)
        reason = _LATER.get(code or 0) or type(error.__cause__ or error).__name__
        return TemporarilyUnavailableError(f"no answer from ClickHouse at {address.hostname}:{address.port} ({reason})")
    return StorageError(f"ClickHouse refuses: {str(error)[:300]}")
