"""Live portfolios in a currency: paths by the listing, their legs followed, one rate for all, changes at once."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from services.common.revocations import Bearer
from services.market.symbols import TRADING, Listing
from services.market.valuation import Graph, Leg, Pair
from services.profile.live.fanout import Fanout
from services.profile.live.limits import LiveLimits
from services.profile.live.listing import ListingReader
from services.profile.live.prices import price_of
from services.profile.live.seats import Seats
from services.profile.live.stalled import Stalled
from services.profile.live.updates import Updates
from services.profile.live.viewers import Detail, Viewer
from services.profile.portfolio.rules import Portfolio
from tests.processes import until
from tests.profile.live.conftest import QUICK
from tests.profile.live.replica import Portfolios, Replica, list_symbols, metric, parse, running_replica, tick


@pytest.fixture
async def redis(redis: Redis) -> Redis:
    """With a listing, and prices, before the replica starts."""
    await tick(redis, "btcusdt", "60000", 1000)
    await tick(redis, "ethbtc", "0.05", 2000)
    await tick(redis, "eurusdt", "1.25", 3000)
    await list_symbols(redis, "BTC/USDT", "ETH/BTC", "EUR/USDT", "DOGE/USDT", "ISLAND/SHELL")
    return redis


async def test_the_first_document_is_in_the_currency(redis: Redis, replica: Replica, portfolios: Portfolios) -> None:
    portfolios.put(1, "someone", "EUR", btcusdt="1", ethbtc="2")
    async with replica.client() as client:
        document = await client.document()
    assert (document["Currency"], document["Unvalued"]) == ("EUR", [])
    assert document["Total"] == 48000 + 2 * Decimal("0.05") * 48000
    assert set(document["Coins"]) == {"Quantities", "Prices", "Totals"}


async def test_legs_are_followed_and_a_leg_alone_changes_the_document(
    redis: Redis, replica: Replica, portfolios: Portfolios
) -> None:
    portfolios.put(1, "someone", "EUR", ethbtc="1")
    async with replica.client() as client:
        await client.document_where(Total=2400)
        assert replica.manager.symbols() == {"ethbtc", "btcusdt", "eurusdt"}
        await tick(redis, "eurusdt", "1.5", 4000)
        await client.document_where(Total=2000, UpdatedAt=2000)
        await tick(redis, "btcusdt", "90000", 5000)
        await client.document_where(Total=3000)
    await until(lambda: not replica.manager.symbols(), what="the symbols to be dropped")


async def test_another_currency_shows_at_once_and_never_without_rates(
    redis: Redis, replicas: list[Replica], portfolios: Portfolios
) -> None:
    portfolios.put(1, btcusdt="1")
    async with replicas[0].client() as one, replicas[1].client() as two:
        for client in (one, two):
            assert (await client.document())["Currency"] == "USDT"
        for currency, total in (("EUR", 48000), ("BTC", 1), ("ETH", 20), ("USDT", 60000)):
            portfolios.put(1, "someone", currency, btcusdt="1")
            await replicas[0].manager.portfolio_changed(1)
            for client in (one, two):
                document = await client.document()
                assert (document["Currency"], document["Total"], document["Unvalued"]) == (currency, total, [])
        await until(lambda: replicas[0].manager.symbols() == {"btcusdt"}, what="the legs to be dropped")


async def test_full_and_plain_are_sent_side_by_side(redis: Redis, replica: Replica, portfolios: Portfolios) -> None:
    portfolios.put(1, "someone", "EUR", btcusdt="1", islandshell="5")
    async with replica.client(detail="full") as full, replica.client() as plain, replica.client(detail="full") as more:
        assert "Values" not in (await plain.document())["Coins"]
        for client in (full, more):
            document = await client.document()
            assert document["Coins"]["Values"] == {"btcusdt": 48000}
            assert document["Coins"]["Times"] == {"btcusdt": 1000}
            assert document["Unvalued"] == ["islandshell"]
        await tick(redis, "eurusdt", "1.5", 4000)
        for client in (full, more):
            document = await client.document_where(Total=40000)
            assert document["Coins"]["Times"] == {"btcusdt": 1000}, "its own: a frozen coin is visible"
        assert "Values" not in (await plain.document_where(Total=40000))["Coins"]


async def test_a_leg_that_is_halted_or_delisted_is_left_and_another_path_taken(
    redis: Redis, replica: Replica, portfolios: Portfolios
) -> None:
    portfolios.put(1, "someone", "EUR", btcusdt="1")
    async with replica.client() as client:
        await client.document_where(Total=48000)
        await list_symbols(redis, "BTC/USDT", "EUR/USDT BREAK")
        await client.document_where(Total=0, Unvalued=["btcusdt"])
        await tick(redis, "btceur", "50000", 5000)
        await list_symbols(redis, "BTC/USDT", "EUR/USDT BREAK", "BTC/EUR")
        await client.document_where(Total=50000, Unvalued=[])
        await list_symbols(redis, "BTC/USDT BREAK", "EUR/USDT DELISTED", "BTC/EUR")
        await client.document_where(Total=0, Unvalued=["btcusdt"])


async def test_a_leg_whose_price_comes_late_is_taken_then(
    redis: Redis, replica: Replica, portfolios: Portfolios
) -> None:
    await list_symbols(redis, "BTC/USDT", "BTC/CHF")
    portfolios.put(1, "someone", "CHF", btcusdt="1")
    async with replica.client() as client:
        await client.document_where(Total=0, Unvalued=["btcusdt"])
        await tick(redis, "btcchf", "50000", 5000)
        await client.document_where(Total=50000, Unvalued=[])


async def test_without_a_listing_a_pair_with_the_currency_is_known_by_its_name(
    redis: Redis, redis_url: str, portfolios: Portfolios
) -> None:
    """As the Go original's aggregator leaves it; the listing may come at any time."""
    await redis.delete("market:symbols")
    portfolios.put(1, "someone", "BTC", ethbtc="1", btcusdt="2")
    async with running_replica(redis_url, portfolios, QUICK) as started, started.client() as client:
        await client.document_where(Total=Decimal("0.05"), Unvalued=["btcusdt"])
        await list_symbols(redis, "BTC/USDT", "ETH/BTC")
        await client.document_where(Total=Decimal("2.05"), Unvalued=[])


async def test_what_is_no_listing_changes_nothing(redis: Redis, replica: Replica, portfolios: Portfolios) -> None:
    portfolios.put(1, ethbtc="1")
    async with replica.client() as client:
        await client.document_where(Total=3000)
        for number, nonsense in enumerate(("[" * 100_000, "null", '{"symbols":[]}')):
            reads = metric("profile_live_listings_total")
            await redis.set("market:symbols", nonsense)
            await until(lambda reads=reads: metric("profile_live_listings_total") > reads)
            await tick(redis, "btcusdt", str(61000 + number), 5000 + number)
            await client.document_where(Total=(61000 + number) * Decimal("0.05"))


async def test_paths_are_chosen_by_the_listing_and_not_by_each_tick(redis: Redis) -> None:
    graphs: list[Graph] = []

    async def adopt(graph: Graph) -> None:
        graphs.append(graph)

    reader = ListingReader(redis, adopt, 60.0)
    for number in range(3):
        await tick(redis, "btcusdt", str(60000 + number), 5000 + number)
        await reader.read()
    assert len(graphs) == 1
    await list_symbols(redis, "BTC/USDT", "EUR/USDT", "BTC/EUR")
    await reader.read()
    await tick(redis, "btceur", "50000", 6000)
    await reader.read()
    assert [graph.path("BTC", "EUR") == (Leg("btceur", backwards=False),) for graph in graphs] == [False, False, True]


async def test_a_leg_at_a_price_of_0_is_not_chosen(redis: Redis, redis_url: str, portfolios: Portfolios) -> None:
    await tick(redis, "btceur", "0", 5000)
    await list_symbols(redis, "BTC/EUR", "BTC/USDT", "EUR/USDT")
    portfolios.put(1, "someone", "EUR", btc="1")
    async with running_replica(redis_url, portfolios, QUICK) as started, started.client() as client:
        await client.document_where(Total=48000)
        assert started.manager.symbols() == {"btcusdt", "eurusdt"}


async def test_a_leg_of_another_source_converts_nothing(redis: Redis, replica: Replica, portfolios: Portfolios) -> None:
    portfolios.put(1, "someone", "EUR", btcusdt="1")
    async with replica.client() as client:
        await client.document_where(Total=48000)
        await tick(redis, "btcusdt", "70000", 5000, "simulator")
        await client.document_where(Source="simulator", Total=0, Unvalued=["btcusdt"])
        await tick(redis, "eurusdt", "1.4", 5000, "simulator")
        await client.document_where(Total=50000, Unvalued=[])


async def test_bare_assets_are_live_and_followed_by_their_legs(
    redis: Redis, replica: Replica, portfolios: Portfolios
) -> None:
    portfolios.put(1, "someone", "USDT", usdt="500", btc="2", eur="4")
    async with replica.client(detail="full") as client:
        await client.document_where(Total=120505, UpdatedAt=3000)
        assert replica.manager.symbols() == {"btcusdt", "eurusdt"}
        await tick(redis, "btcusdt", "61000", 4000)
        document = await client.document_where(Total=122505, UpdatedAt=4000)
        assert document["Coins"]["Times"] == {"usdt": 4000, "btc": 4000, "eur": 3000}


async def test_a_rate_is_forgotten_with_the_last_viewer_of_its_leg() -> None:
    listed = [Listing("btcusdt", "BTC", "USDT", TRADING), Listing("eurusdt", "EUR", "USDT", TRADING)]
    fanout = Fanout(Stalled(stuck_after_s=60), gather_s=0.01)
    fanout.market.adopt(Graph(listed, [Pair(each.symbol, each.base, each.quote, Decimal(1), None) for each in listed]))
    portfolio = Portfolio(1, "x", {"btcusdt": Decimal(1)}, "EUR")
    for round_ in ("with a price of the leg", "without"):
        viewer, sink = Viewer(1), Frames()
        fanout.show(viewer, fanout.market.document(portfolio))
        fanout.apply("btcusdt", price_of(Decimal(60000), 1, "binance"))
        if round_ == "with a price of the leg":
            fanout.apply("eurusdt", price_of(Decimal("1.25"), 1, "binance"))
        fanout.attach(viewer, sink, Detail.PLAIN)
        assert (b'"Total":48000,' in sink.frames[0]) == (round_ == "with a price of the leg")
        fanout.forget(viewer)


async def test_another_path_is_taken_once_the_prices_on_it_are_there() -> None:
    """While they are read, prices go on, and no document is without its value."""
    seats, fanout = Seats(LiveLimits()), Fanout(Stalled(stuck_after_s=60), gather_s=0)
    showing = Updates("redis://unused", cast("Any", None), cast("Any", None), seats, fanout, LiveLimits()).showing
    sink, read = Frames(), list[str]()

    async def price(symbols: Collection[str]) -> None:
        read.extend(symbols)
        fanout.apply("btcusdt", price_of(Decimal(70000), 2, "binance"))
        fanout._send([audience])
        fanout.apply("usdteur", price_of(Decimal("0.5"), 2, "binance"))

    showing.price = price  # type: ignore[method-assign]
    await showing.adopt(graph_of("BTC/USDT", "EUR/USDT"))
    audience = seats.take(cast("Any", None), Bearer(1, None, None)).audience
    await showing.show(audience, Portfolio(1, "x", {"btcusdt": Decimal(1)}, "EUR"))
    fanout.apply("btcusdt", price_of(Decimal(60000), 1, "binance"))
    fanout.apply("eurusdt", price_of(Decimal("1.25"), 1, "binance"))
    fanout.attach(audience, sink)
    await showing.adopt(graph_of("BTC/USDT", "USDT/EUR"))
    assert read == ["usdteur"]
    assert [parse(frame[4:])["Total"] for frame in sink.frames] == [48000, 56000, 35000]


def graph_of(*pairs: str) -> Graph:
    named = [pair.split("/") for pair in pairs]
    listed = [Listing(f"{base}{quote}".lower(), base, quote, TRADING) for base, quote in named]
    return Graph(listed, [Pair(each.symbol, each.base, each.quote, Decimal(1), None) for each in listed])


class Frames:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def push(self, frame: bytes) -> bool:
        self.frames.append(frame)
        return True

    def abort(self) -> None:
        raise AssertionError("it is never stuck")
