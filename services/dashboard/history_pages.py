"""Pages of history and sparklines, read from ClickHouse as it writes them: the figures are never numbers here."""

import time
from collections.abc import Sequence

import msgspec

from services.dashboard.answers import CSV, JSON, Document
from services.dashboard.clickhouse import ClickHouse
from services.dashboard.closes import ClosesRequest, closes_query
from services.dashboard.errors import HistoryUnavailableError
from services.dashboard.history import Page, Request, candles_query, ends_query, page_in, page_without_lookup
from services.dashboard.market import Snapshot
from services.dashboard.single_flight import SingleFlightCache
from services.dashboard.sparklines import sparkline
from services.dashboard.turns import ClientTurns
from services.market_api.parameters import HistoryFormat

LIVE_S = 1
SETTLED_S = 60
"""Not longer: the operator looks at the chart right after a back-fill of the past. An ETag saves the bytes."""
SPARKLINES_S = 10
HOUR_S = 3600
HOUR_MS = HOUR_S * 1000
ROWS_BEYOND = 1_000
"""Room for candles that are back-filled between finding a page's ends and reading it."""

FORMS: dict[HistoryFormat, tuple[str, str]] = {
    "json": ("JSONEachRow", JSON),
    "csv": ("CSVWithNames", CSV),
    "arrow": ("ArrowStream", "application/vnd.apache.arrow.stream"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}
SETTINGS = {
    "output_format_json_array_of_rows": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 0,
    "output_format_decimal_trailing_zeros": 0,
    "date_time_output_format": "iso",
    "format_csv_null_representation": "",
}
_SPARKLINES_QUERY = (
    "SELECT symbol AS s, arraySort(groupArray((toUnixTimestamp(time) * 1000, close))) AS p FROM candles_1h "
    "WHERE source = {source:String} AND symbol IN {symbols:Array(String)} "
    "AND time >= toDateTime({start:UInt32}, 'UTC') GROUP BY symbol"
)


class _Line(msgspec.Struct):
    symbol: str = msgspec.field(name="s")
    points: msgspec.Raw = msgspec.field(name="p")


class HistoryPages:
    """Without ClickHouse, all raise HistoryUnavailableError.

    What is computed takes a turn of the client at the address `client` that asked first; to join it takes none.
    """

    def __init__(self, clickhouse: ClickHouse | None, shared: SingleFlightCache, turns: ClientTurns) -> None:
        self._clickhouse = clickhouse
        self._turns = turns
        self._shared = shared

    async def page(self, request: Request, client: str | None) -> Document:
        """A page of candles in the format asked for. Raises HistoryUnavailableError, HistoryBusyError."""
        return await self._shared.get(request, lambda: self._page(request, client))

    async def sparklines(
        self, snapshot: Snapshot, symbols: Sequence[str], unknown: dict[str, list[str]], client: str | None
    ) -> Document:
        """The last 24 hours, hour by hour. Raises HistoryUnavailableError, HistoryBusyError."""
        key = ("sparklines", snapshot.source, tuple(symbols), tuple(unknown), snapshot.time_ms // HOUR_MS)
        return await self._shared.get(key, lambda: self._sparklines(snapshot, symbols, unknown, client))

    async def closes(self, request: ClosesRequest, unknown: dict[str, list[str]], client: str | None) -> Document:
        """The closes of several symbols. Raises HistoryUnavailableError, HistoryBusyError."""
        key = ("closes", request, tuple(unknown))
        return await self._shared.get(key, lambda: self._closes(request, unknown, client))

    async def _page(self, request: Request, client: str | None) -> tuple[Document, float]:
        clickhouse = self._require_clickhouse()
        form, media_type = FORMS[request.form]
        async with self._turns.turn(client), clickhouse.slot():
            page = page_without_lookup(request) or await _find_page(clickhouse, request)
            parameters = request.parameters(page.start_s, page.end_s)
            bounds = {"max_result_rows": request.limit + ROWS_BEYOND}
            body = await clickhouse.query(candles_query(request), parameters, form, SETTINGS | bounds)
        keep_s = SETTLED_S if page.settled(time.time()) else LIVE_S
        if request.form == "json":
            return Document(_envelope(request, page, body), keep_s, JSON), keep_s
        return Document(body, keep_s, media_type, _headers(request, page)), keep_s

    async def _sparklines(
        self, snapshot: Snapshot, symbols: Sequence[str], unknown: dict[str, list[str]], client: str | None
    ) -> tuple[Document, float]:
        start_s = (snapshot.time_ms // HOUR_MS - 23) * HOUR_S
        parameters = {
            "source": snapshot.source,
            "symbols": [symbol.upper() for symbol in symbols],
            "start": start_s,
        }
        lines = await self._lines(_SPARKLINES_QUERY, parameters, symbols, client)
        ends = {symbol: sparkline(lines[symbol], snapshot, symbol) for symbol in symbols}
        document = {"source": snapshot.source, "interval": "1h", "sparklines": ends, "unknown": unknown}
        return Document(msgspec.json.encode(document), SPARKLINES_S), SPARKLINES_S

    async def _closes(
        self, request: ClosesRequest, unknown: dict[str, list[str]], client: str | None
    ) -> tuple[Document, float]:
        lines = await self._lines(closes_query(request.interval), request.parameters(), request.symbols, client)
        document = {
            "interval": request.interval,
            "source": request.source,
            "from": request.start_s * 1000,
            "to": request.end_s * 1000,
            "closes": lines,
            "unknown": unknown,
        }
        keep_s = SETTLED_S if Page(request.start_s, request.end_s).settled(time.time()) else LIVE_S
        return Document(msgspec.json.encode(document), keep_s), keep_s

    async def _lines(
        self, sql: str, parameters: dict[str, object], symbols: Sequence[str], client: str | None
    ) -> dict[str, msgspec.Raw]:
        """What a query answers for each symbol, `[]` where it has no row."""
        clickhouse = self._require_clickhouse()
        async with self._turns.turn(client), clickhouse.slot():
            body = await clickhouse.query(sql, parameters, "JSONEachRow", SETTINGS)
        found = {row.symbol: row.points for row in msgspec.json.decode(body, type=list[_Line])}
        return {symbol: found.get(symbol.upper(), msgspec.Raw(b"[]")) for symbol in symbols}

    def _require_clickhouse(self) -> ClickHouse:
        if self._clickhouse is None:
            raise HistoryUnavailableError("This installation keeps no history.")
        return self._clickhouse


async def _find_page(clickhouse: ClickHouse, request: Request) -> Page:
    for window in request.windows():
        answer = await clickhouse.query(ends_query(request), request.parameters(window.start_s, window.end_s), "TSV")
        found, first_s, last_s = map(int, answer.split())
        page = page_in(request, window, found, first_s, last_s)
        if page is not None:
            return page
    raise AssertionError("the last window is whole")


def _envelope(request: Request, page: Page, candles: bytes) -> bytes:
    symbol = msgspec.json.encode(request.symbol).decode()
    source = msgspec.json.encode(request.source).decode()
    beginning = f'{{"symbol":{symbol},"interval":"{request.interval}","source":{source},"candles":'
    paging = msgspec.json.encode({"next": page.next_ms, "previous": page.previous_ms})
    return beginning.encode() + (candles.strip() or b"[]") + b"," + paging[1:]


def _headers(request: Request, page: Page) -> dict[str, str]:
    suffix = "csv" if request.form == "csv" else request.form
    name = f"{request.symbol if request.symbol.isascii() else 'candles'}-{request.interval}.{suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Source": request.source}
    if page.next_ms is not None:
        headers["X-Next"] = str(page.next_ms)
    if page.previous_ms is not None:
        headers["X-Previous"] = str(page.previous_ms)
    return headers
