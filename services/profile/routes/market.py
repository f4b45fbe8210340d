"""/v1/market: prices, history and analytics without a login, from the dashboard service (docs/contracts.md)."""

from fastapi import APIRouter, Depends, Request, Response

from services.common.error_answers import documented
from services.profile.routes import market_schemas as m
from services.profile.routes.dependencies import ServicesDep
from services.profile.routes.schemas import UnknownSymbolAnswer
from services.profile.upstream.dashboard_client import Market


def market_of(request: Request, services: ServicesDep) -> Market:
    """The market, for a client that may ask; raises TooManyError."""
    services.market.spend(request)
    return services.market


AllowedMarket = Depends(market_of)
router = APIRouter(prefix="/v1/market", tags=["market"])

# The parameters are here to be described and checked; the query travels on as it came.
# ruff: noqa: ARG001


@router.get("/prices", response_model=m.Prices, responses=documented(422, 429, 503))
async def prices(
    request: Request,
    symbols: m.SymbolsQuery = None,
    limit: m.PageLimit = 1_000,
    after: m.After = None,
    market: Market = AllowedMarket,
) -> Response:
    """The last price of some symbols, or page by page of all, with its age and the figures of the last 24 h."""
    return market.relay(request, "prices")


@router.get("/movers", response_model=m.Movers, responses=documented(422, 429, 503))
async def movers(
    request: Request,
    by: m.Ranking = "gainers",
    quote: m.QuoteAsset = None,
    limit: m.MoversLimit = 20,
    min_volume: m.MinVolume = m.DEFAULT_MIN_VOLUME,
    market: Market = AllowedMarket,
) -> Response:
    """What moved most in 24 h, in percent; or what has the largest volume."""
    return market.relay(request, "movers")


@router.get("/symbols", response_model=m.ListedSymbols, responses=documented(422, 429, 503))
async def symbols(
    request: Request,
    search: m.Search = None,
    limit: m.PageLimit = 1_000,
    after: m.After = None,
    market: Market = AllowedMarket,
) -> Response:
    """Every symbol there is, page by page; or those that fit a search, by their volume."""
    return market.relay(request, "symbols")


@router.get(
    "/history/{symbol}",
    response_model=m.History,
    responses={200: m.HISTORY_ANSWER, **documented(422, 429, 503, s404=UnknownSymbolAnswer)},
)
async def history(
    request: Request,
    symbol: m.SymbolText,
    interval: m.Interval = "1m",
    from_: m.From = None,
    to: m.To = None,
    limit: m.CandleLimit = 500,
    format: m.HistoryFormat = "json",  # noqa: A002 - the contract's name
    source: m.PinnedSource = None,
    market: Market = AllowedMarket,
) -> Response:
    """Candles of a symbol: with `from` the first ones from there on, without the last ones before `to`."""
    return market.relay(request, "history", symbol)


@router.get("/closes", response_model=m.Closes, responses=documented(422, 429, 503))
async def closes(
    request: Request,
    symbols: m.ClosesSymbols,
    from_: m.ClosesFrom,
    to: m.To = None,
    interval: m.Interval = "1h",
    source: m.PinnedSource = None,
    market: Market = AllowedMarket,
) -> Response:
    """The closes of some symbols over one range, each line with the last close before it: one request a chart."""
    return market.relay(request, "closes")


@router.get("/sparklines", response_model=m.Sparklines, responses=documented(422, 429, 503))
async def sparklines(request: Request, symbols: m.SparklineSymbols, market: Market = AllowedMarket) -> Response:
    """The last 24 h of some symbols, hour by hour: from the price 24 h ago to the price now."""
    return market.relay(request, "sparklines")
