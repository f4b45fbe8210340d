"""Candles in ClickHouse as the back-fill uses them: which are exact already, and klines written as states.

A kline becomes what the migrations of kafka_clickhouse call a state: it opens at the first instant of its interval and
closes at the last, so that in coarser candles it takes its place among what was seen; `exact` and the volumes make it
final in its own. Writing it again changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.backfill.clickhouse import ClickHouse
from services.backfill.plan import Interval, Span
from services.backfill.retries import retry_until
from services.market.events import Kline

_COLUMNS = "source, symbol, time, open, high, low, close, volume, quote_volume, trades, exact"


@dataclass(slots=True)
class CandleStore:
    """The candles of one `source`. Every call is idempotent, has a deadline and is repeated for `patience_s`.

    Its methods raise `StorageError`, or `TemporarilyUnavailableError` when patience is over. Safe to cancel.
    """

    url: str
    source: str
    patience_s: float
    report: Callable[[str], None]
    _clickhouse: ClickHouse = field(init=False)

    def __post_init__(self) -> None:
        self._clickhouse = ClickHouse(self.url)

    async def missing(self, symbol: str, span: Span) -> list[int]:
        """The numbers of the candles in `span` that are not exact, ascending."""
        exact = await self._numbers(symbol, span, "volume IS NOT NULL")
        return sorted(set(range(span.first, span.end)).difference(exact))

    async def inexact(self, symbol: str, span: Span) -> list[int]:
        """Those of the missing that are there, from prices that were seen, ascending."""
        return await self._numbers(symbol, span, "volume IS NULL")

    def encode(self, symbol: str, interval: Interval, klines: Sequence[Kline]) -> bytes:
        """Closed klines as rows for `insert`: a third of the memory."""
        head = f"{self.source}\t{symbol}"
        return "".join(_row(head, interval.length_ms, kline) for kline in klines).encode()

    async def insert(self, interval: Interval, rows: Sequence[bytes]) -> None:
        """Write encoded klines of one interval as exact candles."""
        table = f"candles_{interval.name}_states"
        await retry_until(lambda: self._clickhouse.insert(table, _COLUMNS, rows), self.patience_s, self.report)

    async def write(self, symbol: str, interval: Interval, klines: Sequence[Kline]) -> None:
        """Write closed klines as exact candles."""
        await self.insert(interval, [self.encode(symbol, interval, klines)])

    async def close(self) -> None:
        await self._clickhouse.close()

    async def _numbers(self, symbol: str, span: Span, condition: str) -> list[int]:
        length_s = span.interval.length_ms // 1_000
        sql = (
            f"SELECT intDiv(toUnixTimestamp(time), {length_s}) AS number FROM candles_{span.interval.name} "  # noqa: S608 - ours
            f"WHERE source = {{source:String}} AND symbol = {{symbol:String}} AND {condition} "
            "AND time >= toDateTime({first:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC') ORDER BY number"
        )
        limits = {"first": span.first * length_s, "end": span.end * length_s}
        named = {"source": self.source, "symbol": symbol, **limits}
        rows = await retry_until(lambda: self._clickhouse.rows(sql, named), self.patience_s, self.report)
        return [int(number) for number in rows]


def _row(head: str, length_ms: int, kline: Kline) -> str:
    """In the order of `_COLUMNS`, as TabSeparated; within a tuple a bare DateTime64 is its number of ms."""
    start_ms, opened, high, low, close = kline.open_ms, kline.open, kline.high, kline.low, kline.close
    trades = "\\N" if kline.trades is None else kline.trades
    return (
        f"{head}\t{start_ms // 1_000}\t({start_ms},{opened})\t{high}\t{low}\t({start_ms + length_ms - 1},{close})\t"
        f"{kline.volume}\t{kline.quote_volume}\t{trades}\t({opened},{high},{low},{close})\n"
    )
