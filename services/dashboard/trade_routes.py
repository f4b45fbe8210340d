"""/trades: the tape of a symbol, by id or by time. /coverage: what of it is there."""

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from starlette.responses import Response

from services.common.error_answers import documented
from services.dashboard.answers import answer
from services.dashboard.coverage import CoverageRequest, range_s
from services.dashboard.history import parse_time_ms, parse_time_s
from services.dashboard.limits import Limited, client_address
from services.dashboard.redis import MarketReader
from services.dashboard.trade_pages import TradePages
from services.dashboard.trades import MAX_ID, MAX_MS, TradesRequest
from services.market_api import answers as a
from services.market_api import parameters as p


def trade_routes(market: MarketReader, pages: TradePages, limited: Limited) -> APIRouter:
    router = APIRouter(tags=["market"], dependencies=[limited.client, limited.history])

    @router.get(
        "/trades/{symbol}",
        response_model=a.Trades,
        responses={200: a.TRADES_ANSWER, **documented(422, 429, 503, s404=a.UnknownSymbolAnswer)},
    )
    async def trades(
        http: HttpRequest,
        symbol: p.SymbolText,
        from_id: p.FromId = None,
        to_id: p.ToId = None,
        from_: p.TradesFrom = None,
        to: p.To = None,
        limit: p.TradesLimit = 500,
        format: p.HistoryFormat = "json",  # noqa: A002 - the contract's name
        source: p.PinnedSource = None,
    ) -> Response:
        """Trades of a symbol: with `from` or `from_id` the first ones from there on, else the last ones."""
        from_ms = None if from_ is None else parse_time_ms("from", from_)
        to_ms = MAX_MS if to is None else parse_time_ms("to", to)
        snapshot = await market.snapshot()
        request = TradesRequest(
            symbol=snapshot.directory.find(symbol),
            source=source or snapshot.source,
            limit=limit,
            form=format,
            forward=from_id is not None or from_ms is not None,
            from_id=from_id or 0,
            to_id=MAX_ID if to_id is None else to_id,
            from_ms=from_ms or 0,
            to_ms=to_ms,
        )
        return await answer(http, await pages.page(request, client_address(http)))

    @router.get(
        "/coverage/{symbol}",
        response_model=a.Coverage,
        responses=documented(422, 429, 503, s404=a.UnknownSymbolAnswer),
    )
    async def coverage(
        http: HttpRequest,
        symbol: p.SymbolText,
        from_: p.CoverageFrom = None,
        to: p.To = None,
        source: p.PinnedSource = None,
        *,
        missing: p.OnlyMissing = False,
    ) -> Response:
        """What of a symbol's tape is there, hour by hour: present, filled later, missing and why."""
        start_s, end_s = range_s(
            None if from_ is None else parse_time_s("from", from_), None if to is None else parse_time_s("to", to)
        )
        snapshot = await market.snapshot()
        request = CoverageRequest(snapshot.directory.find(symbol), source or snapshot.source, start_s, end_s, missing)
        return await answer(http, await pages.coverage(request, client_address(http)))

    return router
