"""/history, /closes and /sparklines: symbols and source are resolved from Redis, figures come from ClickHouse."""

import time

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from starlette.responses import Response

from services.common.error_answers import documented
from services.dashboard.answers import answer
from services.dashboard.closes import ClosesRequest
from services.dashboard.history import MAX_TIME_S, Request, parse_time_s
from services.dashboard.history_pages import HistoryPages
from services.dashboard.limits import Limited, client_address
from services.dashboard.market_routes import read_symbols
from services.dashboard.redis import MarketReader
from services.market_api import answers as a
from services.market_api import parameters as p


def history_routes(market: MarketReader, pages: HistoryPages, limited: Limited) -> APIRouter:
    router = APIRouter(tags=["market"], dependencies=[limited.client, limited.history])

    @router.get(
        "/history/{symbol}",
        response_model=a.History,
        responses={200: a.HISTORY_ANSWER, **documented(422, 429, 503, s404=a.UnknownSymbolAnswer)},
    )
    async def history(
        http: HttpRequest,
        symbol: p.SymbolText,
        interval: a.Interval = "1m",
        from_: p.From = None,
        to: p.To = None,
        limit: p.CandleLimit = 500,
        format: p.HistoryFormat = "json",  # noqa: A002 - the contract's name
        source: p.PinnedSource = None,
    ) -> Response:
        """Candles of a symbol: with `from` the first ones from there on, without the last ones before `to`."""
        start_s = None if from_ is None else parse_time_s("from", from_)
        end_s = _end_s(to)
        snapshot = await market.snapshot()
        request = Request(
            symbol=snapshot.directory.find(symbol),
            interval=interval,
            source=source or snapshot.source,
            start_s=start_s if start_s is None else min(start_s, end_s),
            end_s=end_s,
            limit=limit,
            form=format,
        )
        return await answer(http, await pages.page(request, client_address(http)))

    @router.get("/sparklines", response_model=a.Sparklines, responses=documented(422, 429, 503))
    async def sparklines(http: HttpRequest, symbols: p.SparklineSymbols) -> Response:
        """The last 24 h of some symbols, hour by hour: from the price 24 h ago to the price now."""
        snapshot = await market.snapshot()
        asked = read_symbols(symbols, snapshot, p.MAX_SPARKLINES)
        document = await pages.sparklines(snapshot, asked.known, asked.unknown, client_address(http))
        return await answer(http, document)

    @router.get("/closes", response_model=a.Closes, responses=documented(422, 429, 503))
    async def closes(
        http: HttpRequest,
        symbols: p.ClosesSymbols,
        from_: p.ClosesFrom,
        to: p.To = None,
        interval: a.Interval = "1h",
        source: p.PinnedSource = None,
    ) -> Response:
        """The closes of some symbols over one range, each line with the last close before it: one request a chart."""
        start_s, end_s = parse_time_s("from", from_), _end_s(to)
        snapshot = await market.snapshot()
        asked = read_symbols(symbols, snapshot, p.MAX_SPARKLINES)
        wanted = ClosesRequest(
            symbols=tuple(asked.known),
            interval=interval,
            source=source or snapshot.source,
            start_s=min(start_s, end_s),
            end_s=end_s,
        )
        return await answer(http, await pages.closes(wanted, asked.unknown, client_address(http)))

    return router


def _end_s(to: str | None) -> int:
    return min(int(time.time()) + 1, MAX_TIME_S) if to is None else parse_time_s("to", to)
