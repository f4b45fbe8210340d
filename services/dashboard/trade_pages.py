"""Pages of trades, read from ClickHouse as it writes them: the figures are never numbers here."""

import time

import msgspec

from services.dashboard import coverage
from services.dashboard.answers import JSON, Document
from services.dashboard.clickhouse import ClickHouse
from services.dashboard.coverage import CoverageRequest
from services.dashboard.errors import HistoryUnavailableError
from services.dashboard.history_pages import FORMS, LIVE_S, ROWS_BEYOND, SETTINGS, SETTLED_S
from services.dashboard.single_flight import SingleFlightCache
from services.dashboard.trades import TradesPage, TradesRequest, ends_query, page_of, trades_query
from services.dashboard.turns import ClientTurns

_LINES = {"output_format_json_quote_64bit_integers": 0}


class TradePages:
    """Without ClickHouse, all raise HistoryUnavailableError.

    What is computed takes a turn of the client at the address `client` that asked first; to join it takes none.
    """

    def __init__(self, clickhouse: ClickHouse | None, shared: SingleFlightCache, turns: ClientTurns) -> None:
        self._clickhouse = clickhouse
        self._shared = shared
        self._turns = turns

    async def page(self, request: TradesRequest, client: str | None) -> Document:
        """A page of trades in the format asked for. Raises HistoryUnavailableError, HistoryBusyError."""
        return await self._shared.get(request, lambda: self._page(request, client))

    async def coverage(self, request: CoverageRequest, client: str | None) -> Document:
        """What of the tape is there, hour by hour. Raises HistoryUnavailableError, HistoryBusyError."""
        return await self._shared.get(request, lambda: self._coverage(request, client))

    async def _coverage(self, request: CoverageRequest, client: str | None) -> tuple[Document, float]:
        clickhouse = self._require_clickhouse()
        async with self._turns.turn(client), clickhouse.slot():
            rows = await clickhouse.query(coverage.QUERY, request.parameters(), "JSONEachRow", _LINES)
        return Document(coverage.document(request, rows), LIVE_S), LIVE_S

    def _require_clickhouse(self) -> ClickHouse:
        if self._clickhouse is None:
            raise HistoryUnavailableError("This installation keeps no trades.")
        return self._clickhouse

    async def _page(self, request: TradesRequest, client: str | None) -> tuple[Document, float]:
        clickhouse = self._require_clickhouse()
        form, media_type = FORMS[request.form]
        async with self._turns.turn(client), clickhouse.slot():
            ends = await clickhouse.query(ends_query(request), request.parameters(), "TSV")
            page = page_of(request, *map(int, ends.split()))
            bounds = {"max_result_rows": request.limit + ROWS_BEYOND}
            parameters = page.request.parameters()
            body = await clickhouse.query(trades_query(request), parameters, form, SETTINGS | bounds)
        keep_s = SETTLED_S if request.settled(time.time()) else LIVE_S
        if request.form == "json":
            return Document(_envelope(page, body), keep_s, JSON), keep_s
        return Document(body, keep_s, media_type, _headers(page)), keep_s


def _envelope(page: TradesPage, trades: bytes) -> bytes:
    head = msgspec.json.encode({"symbol": page.request.symbol, "source": page.request.source})
    paging = msgspec.json.encode({"next": page.next_id, "previous": page.previous_id})
    return head[:-1] + b',"trades":' + (trades.strip() or b"[]") + b"," + paging[1:]


def _headers(page: TradesPage) -> dict[str, str]:
    request = page.request
    name = f"{request.symbol if request.symbol.isascii() else 'symbol'}-trades.{request.form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Source": request.source}
    if page.next_id is not None:
        headers["X-Next"] = str(page.next_id)
    if page.previous_id is not None:
        headers["X-Previous"] = str(page.previous_id)
    return headers
