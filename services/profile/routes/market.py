"""/v1/market: prices, history and analytics without a login, from the dashboard service (docs/contracts.md)."""

from fastapi import APIRouter, Depends, Request, Response

from services.common.error_answers import documented
from services.market_api import answers as a
from services.market_api import parameters as p
from services.profile.routes.dependencies import ServicesDep
from services.profile.upstream.dashboard_client import Market


async def market_of(request: Request, services: ServicesDep) -> Market:
    """The market, for a client that may ask; raises TooManyError."""
    services.market.spend(request)
    return services.market


AllowedMarket = Depends(market_of)
router = APIRouter(prefix="/v1/market", tags=["market"])

# The parameters are here to be described and checked; the query travels on as it came.
# ruff: noqa: ARG001


@router.get("/prices", response_model=a.Prices, responses=documented(422, 429, 503))
async def prices(
    request: Request,
    symbols: p.SymbolsQuery = None,
    limit: p.PageLimit = 1_000,
    after: p.After = None,
    market: Market = AllowedMarket,
) -> Response:
    """The last price of some symbols, or page by page of all, with its age and the figures of the last 24 h."""
    return market.relay(request, "prices")


@router.get("/movers", response_model=a.Movers, responses=documented(422, 429, 503))
async def movers(
    request: Request,
    by: p.Ranking = "gainers",
    quote: p.QuoteAsset = None,
    limit: p.MoversLimit = 20,
    min_volume: p.MinVolume = p.DEFAULT_MIN_VOLUME,
    market: Market = AllowedMarket,
) -> Response:
    """What moved most in 24 h, in percent; or what has the largest volume."""
    return market.relay(request, "movers")


@router.get("/symbols", response_model=a.ListedSymbols, responses=documented(422, 429, 503))
async def symbols(
    request: Request,
    search: p.Search = None,
    limit: p.PageLimit = 1_000,
    after: p.After = None,
    *,
    assets: p.WithAssets = False,
    market: Market = AllowedMarket,
) -> Response:
    """Every symbol there is, page by page; or those that fit a search, by their volume."""
    return market.relay(request, "symbols")


@router.get(
    "/history/{symbol}",
    response_model=a.History,
    responses={200: a.HISTORY_ANSWER, **documented(422, 429, 503, s404=a.UnknownSymbolAnswer)},
)
async def history(
    request: Request,
    symbol: p.SymbolText,
    interval: a.Interval = "1m",
    from_: p.From = None,
    to: p.To = None,
    limit: p.CandleLimit = 500,
    format: p.HistoryFormat = "json",  # noqa: A002 - the contract's name
    source: p.PinnedSource = None,
    market: Market = AllowedMarket,
) -> Response:
    """Candles of a symbol: with `from` the first ones from there on, without the last ones before `to`."""
    return market.relay(request, "history", symbol)


@router.get(
    "/trades/{symbol}",
    response_model=a.Trades,
    responses={200: a.TRADES_ANSWER, **documented(422, 429, 503, s404=a.UnknownSymbolAnswer)},
)
async def trades(
    request: Request,
    symbol: p.SymbolText,
    from_id: p.FromId = None,
    to_id: p.ToId = None,
    from_: p.TradesFrom = None,
    to: p.To = None,
    limit: p.TradesLimit = 500,
    format: p.HistoryFormat = "json",  # noqa: A002 - the contract's name
    source: p.PinnedSource = None,
    market: Market = AllowedMarket,
) -> Response:
    """Trades of a symbol: with `from` or `from_id` the first ones from there on, else the last ones."""
    return market.relay(request, "trades", symbol)


@router.get(
    "/coverage/{symbol}",
    response_model=a.Coverage,
    responses=documented(422, 429, 503, s404=a.UnknownSymbolAnswer),
)
async def coverage(
    request: Request,
    symbol: p.SymbolText,
    from_: p.CoverageFrom = None,
    to: p.To = None,
    source: p.PinnedSource = None,
    *,
    missing: p.OnlyMissing = False,
    market: Market = AllowedMarket,
) -> Response:
    """What of a symbol's tape is there, hour by hour: present, filled later, missing and why."""
    return market.relay(request, "coverage", symbol)


@router.get("/closes", response_model=a.Closes, responses=documented(422, 429, 503))
async def closes(
    request: Request,
    symbols: p.ClosesSymbols,
    from_: p.ClosesFrom,
    to: p.To = None,
    interval: a.Interval = "1h",
    source: p.PinnedSource = None,
    market: Market = AllowedMarket,
) -> Response:
    """The closes of some symbols over one range, each line with the last close before it: one request a chart."""
    return market.relay(request, "closes")


@router.get("/sparklines", response_model=a.Sparklines, responses=documented(422, 429, 503))
async def sparklines(request: Request, symbols: p.SparklineSymbols, market: Market = AllowedMarket) -> Response:
    """The last 24 h of some symbols, hour by hour: from the price 24 h ago to the price now."""
    return market.relay(request, "sparklines")


@router.get("/fill", response_model=a.Fill, responses=documented(422, 429, 503))
async def fill(request: Request, symbols: p.FillSymbols = None, market: Market = AllowedMarket) -> Response:
    """How far the history of the followed symbols is, which fills itself from the exchange's candles."""
    return market.relay(request, "fill")
