"""/prices, /movers, /symbols: answered from Redis alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from fastapi import APIRouter, Request, Response

from services.common.error_answers import documented
from services.dashboard.answers import Document, answer
from services.dashboard.documents import fill_document, movers_document, prices_document, symbols_document
from services.dashboard.errors import InvalidRequestError
from services.dashboard.limits import Limited
from services.dashboard.market import Quote, Snapshot
from services.dashboard.redis import MarketReader
from services.market_api import answers as a
from services.market_api import parameters as p

MAX_AGE_S = 1
MAX_EXPLAINED = 20
"""Near matches cost a search each; further unknown symbols of one request are named without."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list of symbols in a request means."""

    known: list[str]
    unknown: dict[str, list[str]]


def market_routes(market: MarketReader, limited: Limited) -> APIRouter:
    router = APIRouter(tags=["market"], dependencies=[limited.client])

    @router.get("/prices", response_model=a.Prices, responses=documented(422, 429, 503))
    async def prices(
        request: Request, symbols: p.SymbolsQuery = None, limit: p.PageLimit = 1_000, after: p.After = None
    ) -> Response:
        """The last price of some symbols, or page by page of all, with its age and the figures of the last 24 h."""
        snapshot = await market.snapshot()
        if symbols is not None:
            asked = read_symbols(symbols, snapshot, p.MAX_NAMED)
            quotes = [quote for symbol in asked.known if (quote := snapshot.quotes.get(symbol))]
            return await answer(request, Document(prices_document(snapshot, quotes, asked.unknown, None), MAX_AGE_S))
        page, following = page_of(snapshot.quotes, after, limit)
        body = prices_document(snapshot, [snapshot.quotes[symbol] for symbol in page], {}, following)
        return await answer(request, Document(body, MAX_AGE_S))

    @router.get("/movers", response_model=a.Movers, responses=documented(422, 429, 503))
    async def movers(
        request: Request,
        by: p.Ranking = "gainers",
        quote: p.QuoteAsset = None,
        limit: p.MoversLimit = 20,
        min_volume: p.MinVolume = p.DEFAULT_MIN_VOLUME,
    ) -> Response:
        """What moved most in 24 h, in percent; or what has the largest volume."""
        snapshot = await market.snapshot()
        found: list[Quote] = snapshot.movers(by, quote.lower() if quote else None, limit, min_volume)
        return await answer(request, Document(movers_document(snapshot, found), MAX_AGE_S))

    @router.get("/symbols", response_model=a.ListedSymbols, responses=documented(422, 429, 503))
    async def symbols(
        request: Request,
        search: p.Search = None,
        limit: p.PageLimit = 1_000,
        after: p.After = None,
        *,
        assets: p.WithAssets = False,
    ) -> Response:
        """Every symbol there is, page by page; or those that fit a search, by their volume."""
        directory = (await market.snapshot()).directory
        if search is not None:
            found = directory.search_with_assets(search, limit) if assets else directory.search(search, limit)
            return await answer(request, Document(symbols_document(found, None), MAX_AGE_S))
        page, following = page_of(directory.listings, after, limit)
        listings = [directory.listings[symbol] for symbol in page]
        return await answer(request, Document(symbols_document(listings, following), MAX_AGE_S))

    @router.get("/fill", response_model=a.Fill, responses=documented(422, 429, 503))
    async def fill(request: Request, symbols: p.FillSymbols = None) -> Response:
        """How far the history of the followed symbols is, which fills itself from the exchange's candles."""
        named = set() if symbols is None else {name.lower() for name in read_names(symbols, p.MAX_NAMED)}
        return await answer(request, Document(fill_document(await market.fill(), named), MAX_AGE_S))

    return router


def read_names(text: str, limit: int) -> list[str]:
    """A list of names, once each and in order. Raises InvalidRequestError for none and for too many."""
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 1 <= len(named) <= limit:
        raise InvalidRequestError(f"symbols: name 1 to {limit} symbols, separated by commas.")
    return named


def read_symbols(text: str, snapshot: Snapshot, limit: int) -> Asked:
    """A list of symbols, known ones once each and in order. Raises InvalidRequestError for too many."""
    known: dict[str, None] = {}
    unknown: dict[str, list[str]] = {}
    for name in read_names(text, limit):
        symbol = snapshot.directory.recognise(name)
        if symbol is not None:
            known[symbol] = None
        else:
            unknown[name] = snapshot.directory.near(name) if len(unknown) < MAX_EXPLAINED else []
    return Asked(list(known), unknown)


def page_of(symbols: Iterable[str], after: str | None, limit: int) -> tuple[list[str], str | None]:
    """The first `limit` of the ordered `symbols` beyond `after`, and the following page's `after`."""
    start = after.lower() if after is not None else ""
    page = list(islice((symbol for symbol in symbols if symbol > start), limit + 1))
    return page[:limit], page[limit - 1] if len(page) > limit else None
