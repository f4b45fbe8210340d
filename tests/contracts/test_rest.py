"""HTTP between processes: the real routes of the one, asked by the real client of the other, for any values."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from redis.asyncio import Redis

from services.aggregator import documents
from services.aggregator.follows import Follows
from services.aggregator.http import ApiContext, http_app
from services.aggregator.prices import LatestPrices, Quote, Tick
from services.aggregator.redis import MarketStore
from services.aggregator.symbols import Directory
from services.aggregator.wanted import Wanted
from services.common.error_answers import ErrorAnswer
from services.common.errors import ApiError, ConflictError, NotFoundError, UnavailableError
from services.common.internal import internal
from services.dashboard.api import build_api
from services.dashboard.limits import Limited
from services.dashboard.market import Snapshot, SnapshotReader
from services.dashboard.market_routes import market_routes
from services.market.symbols import DELISTED, TRADING, Listing, encode_listings
from services.market.valuation import EXACT
from services.market_api import answers
from services.profile.answers import ANSWERS
from services.profile.routes.market import router
from services.profile.upstream.aggregator_client import Aggregator, Followed
from services.profile.upstream.dashboard_client import Market
from services.profile.upstream.leases import MAX_FOLLOWER_ID
from tests.contracts.values import NOW_MS, over_a_connection, prices, sources, symbols, tickers, times_ms

UNLIMITED = "1000000/minute"
REFUSALS: dict[str | None, tuple[str, type[ApiError]]] = {
    None: ("unknown_symbol", NotFoundError),
    DELISTED: ("delisted", ConflictError),
    "BREAK": ("not_trading", ConflictError),
}
"""By the status of the symbol that was named."""

statuses = st.sampled_from([TRADING, TRADING, "BREAK", DELISTED])
listings = st.builds(Listing, symbols, *[st.text(max_size=5)] * 2, statuses)
follower_ids = st.integers(1, MAX_FOLLOWER_ID)
listed = st.lists(listings, min_size=1, max_size=6, unique_by=lambda listing: listing.symbol)


@dataclass(frozen=True, slots=True)
class Sides:
    """An aggregator's state behind its routes, and a client to it."""

    directory: Directory
    follows: Follows
    http: httpx.AsyncClient

    def profile(self, known: list[Listing], follower_id: int = 1) -> Aggregator:
        """The client of a profile, of an aggregator that knows these symbols."""
        self.directory.forget()
        self.directory.replace(known)
        return Aggregator(self.http, follower_id, timeout_s=60)

    def held(self, follower_id: int) -> frozenset[str]:
        holding = self.follows.followers.holdings.get(follower_id)
        return frozenset() if holding is None else holding.symbols


@pytest.fixture(scope="module")
def sides(runner: asyncio.Runner, redis: Redis) -> Iterator[Sides]:
    directory, follows = Directory(()), Follows(MarketStore(redis), Wanted())
    context = ApiContext(LatestPrices(), directory, follows, cast("Any", None), cast("Any", None), None)
    http = client_of(internal(http_app(context)))
    yield Sides(directory, follows, http)
    runner.run(http.aclose())


@over_a_connection
@given(data=st.data(), known=listed, follower_id=follower_ids, other=symbols)
def test_a_follow_from_profile_to_aggregator(
    runner: asyncio.Runner, sides: Sides, data: st.DataObject, known: list[Listing], follower_id: int, other: str
) -> None:
    statuses = {each.symbol: each.status for each in known}
    named = data.draw(st.sampled_from([*statuses, other, known[0].symbol + "x"]))
    profile = sides.profile(known, follower_id)
    if statuses.get(named) == TRADING:
        assert runner.run(profile.follow(named)) == Followed("started", named)
        assert sides.held(follower_id) == {named}
        runner.run(profile.unfollow(named))
    else:
        with pytest.raises(ApiError) as refused:
            runner.run(profile.follow(named))
        code, kind = REFUSALS[statuses.get(named)]
        assert isinstance(refused.value, kind)
        assert refused.value.code == code
        assert refused.value.extra == ({"near": sides.directory.near(named)} if kind is NotFoundError else {})
    assert sides.held(follower_id) == frozenset()


@over_a_connection
@given(data=st.data(), known=listed, follower_id=follower_ids, others=st.sets(symbols, max_size=4))
def test_a_lease_from_profile_to_aggregator(
    runner: asyncio.Runner, sides: Sides, data: st.DataObject, known: list[Listing], follower_id: int, others: set[str]
) -> None:
    """The whole set of a replica; what the aggregator cannot follow in it costs nothing else."""
    shown = others | data.draw(st.sets(st.sampled_from([each.symbol for each in known])))
    profile = sides.profile(known, follower_id)
    runner.run(profile.renew(shown))
    assert sides.held(follower_id) == {each.symbol for each in known if each.status != DELISTED} & shown
    runner.run(profile.renew(()))
    assert sides.held(follower_id) == frozenset()


def test_an_aggregator_that_knows_no_symbols_yet(runner: asyncio.Runner, sides: Sides) -> None:
    with pytest.raises(UnavailableError) as failed:
        runner.run(sides.profile([]).follow("btcusdt"))
    assert failed.value.code == "symbols_unknown"


def snapshot_of(data: st.DataObject, source: str) -> Snapshot:
    """As a dashboard reads what an aggregator has written."""
    last: dict[bytes, bytes] = {}
    for symbol in data.draw(st.sets(symbols, min_size=2, max_size=5)):
        day = data.draw(st.none() | tickers(symbol))
        quote = Quote(symbol, Tick(data.draw(times_ms), 1, data.draw(prices)), day)
        last[symbol.encode()] = documents.last_price(quote, source)
    written = encode_listings(data.draw(st.lists(listings, max_size=5, unique_by=lambda each: each.symbol)))
    return SnapshotReader().read(source, last, written, NOW_MS)


@dataclass(slots=True)
class Reader:
    """In the place of the reader of Redis."""

    snapshot_: Snapshot | None = None

    async def snapshot(self) -> Snapshot:
        assert self.snapshot_ is not None
        return self.snapshot_


@dataclass(frozen=True, slots=True)
class Chain:
    """A dashboard, a profile before it, and a client of each."""

    reader: Reader
    dashboard: httpx.AsyncClient
    profile: httpx.AsyncClient

    async def both(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[httpx.Response, httpx.Response]:
        through = await self.profile.get(f"/v1/market{path}", headers=headers)
        return through, await self.dashboard.get(f"/v1{path}", headers=headers)


@pytest.fixture(scope="module")
def chain(runner: asyncio.Runner) -> Iterator[Chain]:
    reader = Reader()
    limited = Limited(UNLIMITED, UNLIMITED)
    dashboard = client_of(internal(build_api(market_routes(cast("Any", reader), limited)), (), pages=True))
    profile = FastAPI()
    ANSWERS.install(profile)
    profile.include_router(router)
    profile.state.services = SimpleNamespace(market=Market(dashboard, 60, UNLIMITED))
    made = Chain(reader, dashboard, client_of(profile))
    yield made
    runner.run(made.profile.aclose())
    runner.run(made.dashboard.aclose())


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


paths = st.sampled_from(["/prices", "/movers", "/symbols"])
KINDS: dict[str, type[BaseModel]] = {
    "/prices": answers.Prices,
    "/movers": answers.Movers,
    "/symbols": answers.ListedSymbols,
}


@over_a_connection
@given(st.data(), paths, sources)
def test_the_market_from_dashboard_through_profile(
    runner: asyncio.Runner, chain: Chain, data: st.DataObject, path: str, source: str
) -> None:
    """Byte for byte, as the shared document describes it, and once only for a client that has it."""
    chain.reader.snapshot_ = snapshot_of(data, source)
    query = data.draw(st.sampled_from(["", "?limit=1", "?limit=0", "?symbols=btcusdt,%C3%A4", "?search=btc"]))
    through, direct = runner.run(chain.both(path + query))
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    if direct.status_code != 200:  # profile's own refusal, in the same words
        ErrorAnswer.model_validate_json(direct.content)
        return
    KINDS[path].model_validate_json(direct.content)
    for header in ("etag", "cache-control", "content-type", "vary"):
        assert through.headers[header] == direct.headers[header]
    again, _ = runner.run(chain.both(path + query, {"If-None-Match": through.headers["etag"]}))
    assert (again.status_code, again.content) == (304, b"")


@over_a_connection
@given(st.data(), symbols, prices, times_ms, sources)
def test_a_price_keeps_its_digits_from_aggregator_to_a_browser(
    runner: asyncio.Runner, chain: Chain, data: st.DataObject, symbol: str, price: str, event_ms: int, source: str
) -> None:
    day = data.draw(tickers(symbol))
    value = documents.last_price(Quote(symbol, Tick(event_ms, 1, price), day), source)
    chain.reader.snapshot_ = SnapshotReader().read(source, {symbol.encode(): value}, b"", NOW_MS)
    through, _ = runner.run(chain.both(f"/prices?symbols={symbol.upper()}"))
    (shown,) = through.json(parse_float=Decimal, parse_int=Decimal)["prices"]
    assert (shown["symbol"], shown["price"], shown["event_time"]) == (symbol, Decimal(price), event_ms)
    opened, high, volume = Decimal(day.open), Decimal(day.high), Decimal(day.quote_volume)
    assert (shown["open_24h"], shown["change_24h"]) == (opened, EXACT.subtract(Decimal(price), opened))
    assert (shown["high_24h"], shown["quote_volume_24h"]) == (high, volume)
