"""Figures of what ClickHouse holds, for the operator: newest rows, their rate and delay, and how much is stored."""

import msgspec

from services.dashboard.clickhouse import ClickHouse

ROWS = 100
COLUMNS = (
    "message_id",
    "event_type",
    "event_time",
    "receive_time",
    "symbol",
    "close_price",
    "open_price",
    "high_price",
    "low_price",
    "change_price",
    "change_percent",
    "volume",
    "quote_volume",
    "source",
    "inserted_at",
)
BUCKET_S = 5
CHART_S = 300

_WINDOWS_S = (10, 600, 86_400, 2**31)
"""How far before the newest event to look for the newest rows: nearly always, the first will do."""
_SETTINGS = {
    "output_format_json_quote_decimals": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_decimal_trailing_zeros": 0,
}

_NEWEST = (
    f"SELECT {', '.join(COLUMNS)} FROM market_tickers "  # noqa: S608 - our own words
    "WHERE event_time >= (SELECT max(event_time) FROM market_tickers) - toIntervalSecond({window:UInt32}) "
    f"ORDER BY event_time DESC, symbol LIMIT 1 BY symbol, event_time, source LIMIT {ROWS}"
)
_INGEST = (
    f"SELECT toUnixTimestamp(toStartOfInterval(inserted_at, toIntervalSecond({BUCKET_S}))) AS t, count() AS rows, "  # noqa: S608
    "quantileExact(0.5)(toUnixTimestamp64Milli(inserted_at) - toUnixTimestamp64Milli(event_time)) AS median_ms, "
    "max(toUnixTimestamp64Milli(inserted_at) - toUnixTimestamp64Milli(event_time)) AS slowest_ms "
    f"FROM market_tickers WHERE inserted_at >= now64(3) - toIntervalSecond({CHART_S}) GROUP BY t ORDER BY t"
)
_AGE = "SELECT count(), toUnixTimestamp64Milli(max(event_time)), toUnixTimestamp64Milli(now64(3)) FROM market_tickers"
_HOLES = 20
_TAPE = (
    "SELECT uniqExact(symbol) AS symbols, sum(present) AS present, sum(filled) AS filled, sum(missing) AS missing "
    "FROM trade_coverage FINAL WHERE hour >= now() - toIntervalHour(24)"
)
_TAPE_HOLES = (
    "SELECT source, symbol, toUnixTimestamp(hour) * 1000 AS t, missing, reason "  # noqa: S608 - our own words
    "FROM trade_coverage FINAL "
    f"WHERE hour >= now() - toIntervalHour(24) AND missing > 0 ORDER BY hour DESC, missing DESC LIMIT {_HOLES}"
)
_TABLES = "SELECT table, rows, bytes, parts FROM table_sizes ORDER BY table"


class Age(msgspec.Struct, frozen=True):
    """`newest_ms` is the newest event's time, `age_ms` how long ago that was by ClickHouse's clock."""

    newest_ms: int | None
    age_ms: int | None


class Ingest(msgspec.Struct, frozen=True):
    """One bucket of `BUCKET_S`: rows that came in, and how long after their event (median, slowest)."""

    t: int
    rows: int
    median_ms: int
    slowest_ms: int


class Table(msgspec.Struct, frozen=True):
    table: str
    rows: int
    bytes: int
    parts: int


class Hole(msgspec.Struct, frozen=True):
    """Trades of one hour (its start in ms) that are missing, and why."""

    source: str
    symbol: str
    t: int
    missing: int
    reason: str


class Tape(msgspec.Struct, frozen=True):
    """Trades of the last 24 hours: present, filled later, missing; and the newest hours in which some are missing."""

    symbols: int
    present: int
    filled: int
    missing: int
    holes: list[Hole] = []


class Storage:
    """Each raises HistoryUnavailableError when ClickHouse does not answer in time."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def newest_rows(self) -> list[list[str]]:
        """The columns `COLUMNS` of the newest rows, newest first, as text; a replayed row shows once."""
        async with self._clickhouse.slot():
            rows: list[list[str]] = []
            for window_s in _WINDOWS_S:
                body = await self._clickhouse.query(
                    _NEWEST, {"window": window_s}, "JSONCompactStringsEachRow", _SETTINGS
                )
                rows = msgspec.json.decode(b"[" + b",".join(body.splitlines()) + b"]", type=list[list[str]])
                if len(rows) >= ROWS:
                    break
            return rows

    async def age(self) -> Age:
        async with self._clickhouse.slot():
            rows, newest_ms, now_ms = map(int, (await self._clickhouse.query(_AGE, {}, "TSV")).split())
        return Age(newest_ms, max(0, now_ms - newest_ms)) if rows else Age(None, None)

    async def ingest(self) -> list[Ingest]:
        """The last `CHART_S`, ascending; buckets in which nothing came are missing."""
        async with self._clickhouse.slot():
            body = await self._clickhouse.query(_INGEST, {}, "JSONEachRow", _SETTINGS)
        return msgspec.json.Decoder(Ingest).decode_lines(body)

    async def tape(self) -> Tape:
        async with self._clickhouse.slot():
            tape = await self._clickhouse.query(_TAPE, {}, "JSONEachRow", _SETTINGS)
            holes = await self._clickhouse.query(_TAPE_HOLES, {}, "JSONEachRow", _SETTINGS)
        found = msgspec.json.decode(tape, type=Tape)
        return msgspec.structs.replace(found, holes=msgspec.json.Decoder(Hole).decode_lines(holes))

    async def tables(self) -> list[Table]:
        async with self._clickhouse.slot():
            body = await self._clickhouse.query(_TABLES, {}, "JSONEachRow", _SETTINGS)
        return msgspec.json.Decoder(Table).decode_lines(body)
