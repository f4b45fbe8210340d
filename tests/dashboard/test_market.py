"""The market of one instant: what is read from Redis' values, what is left out, and in what order it comes."""

from decimal import Decimal

import pytest

from services.dashboard.documents import prices_document
from services.dashboard.errors import UnknownSymbolError
from services.dashboard.market import WINDOW_MS, Snapshot, SnapshotReader, read_listings, read_quote
from services.dashboard.market_routes import page_of
from services.dashboard.symbols import Directory
from services.market.symbols import Listing
from services.market_api.parameters import DEFAULT_MIN_VOLUME
from tests.dashboard.conftest import last_price

NOW_MS = 1_767_225_600_000


def snapshot(*prices: str, symbols: bytes = b"", source: str = "simulator") -> Snapshot:
    named = {str(number).encode(): price.encode() for number, price in enumerate(prices)}
    return SnapshotReader().read(source, named, symbols, NOW_MS)


def moving(symbol: str, price: str, *, event_ms: int = NOW_MS, quote_volume: str = "1") -> str:
    return last_price(symbol, price, event_ms=event_ms, o="100", h="200", l="50", v="1", q=quote_volume)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"\xff",
        b'{"s":"btcusdt","p":"one","t":1}',
        b'{"s":"BTCUSDT","p":1,"t":1}',
        b'{"s":"btc:usdt","p":1,"t":1}',
        b'{"s":"btcusdt","p":1e99999,"t":1}',
        b'{"s":"btcusdt","p":null,"t":1}',
        b'{"s":"btcusdt","p":1,"t":"x"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_price_is_left_out(value: bytes) -> None:
    assert read_quote(value, NOW_MS) is None


def test_a_price_of_the_go_original_has_no_figures_and_is_binances() -> None:
    read = read_quote(b'{"s":"btcusdt","p":68123.45,"t":5}', NOW_MS)
    assert read is not None
    assert (read.symbol, read.source, read.event_ms, read.change_percent) == ("btcusdt", "binance", 5, None)
    assert b'"change_24h":null' in read.tail


def test_prices_of_another_source_are_left_out() -> None:
    market = snapshot(last_price("ausdt", "1"), last_price("busdt", "1", source="binance"))
    assert list(market.quotes) == ["ausdt"]
    assert market.directory.recognise("busdt") is None


def test_age_is_never_negative() -> None:
    market = snapshot(last_price("aausdt", "1", event_ms=NOW_MS - 7), last_price("ahead", "1", event_ms=NOW_MS + 7))
    document = prices_document(market, market.quotes.values(), {}, None)
    assert b'"age_ms":7,' in document
    assert b'"age_ms":0,' in document


def test_what_has_not_changed_is_not_read_again() -> None:
    reader = SnapshotReader()
    first = reader.read("simulator", {b"a": moving("a", "1").encode()}, b"", NOW_MS)
    again = reader.read("simulator", {b"a": moving("a", "1").encode()}, b"", NOW_MS + 1)
    assert again.quotes["a"] is first.quotes["a"]
    assert again.directory is first.directory
    changed = reader.read("simulator", {b"a": moving("a", "2").encode()}, b"", NOW_MS + 2)
    assert b'"price":2,' in changed.quotes["a"].head


def test_movers() -> None:
    market = snapshot(
        moving("upusdt", "150", quote_volume="1"),
        moving("downusdt", "50", quote_volume="2"),
        moving("flatbtc", "100", quote_volume="3"),
        moving("oldusdt", "199", event_ms=NOW_MS - WINDOW_MS),
        last_price("untoldusdt", "1", event_ms=NOW_MS),
    )
    names = {
        by: [quote.symbol for quote in market.movers(by, None, 9, DEFAULT_MIN_VOLUME)]
        for by in ("gainers", "losers", "volume")
    }
    assert names == {
        "gainers": ["upusdt", "flatbtc", "downusdt"],
        "losers": ["downusdt", "flatbtc", "upusdt"],
        "volume": ["flatbtc", "downusdt", "upusdt"],
    }


LISTED = b"""{"symbols":[{"symbol":"btcusdt","base":"BTC","quote":"USDT","status":"TRADING"},
{"symbol":"ethbtc","base":"ETH","quote":"BTC","status":"TRADING"},
{"symbol":"thinbtc","base":"THIN","quote":"BTC","status":"TRADING"},
{"symbol":"loneusdt","base":"LONEUS","quote":"DT","status":"TRADING"},
{"symbol":"haltusdt","base":"HALT","quote":"USDT","status":"HALT"}]}"""


def test_movers_have_a_volume_in_one_currency() -> None:
    """3,000 BTC are more than 100,000 USDT; a pair without a path to it cannot be judged, and is none."""
    market = snapshot(
        moving("btcusdt", "100", quote_volume="200000"),
        moving("ethbtc", "150", quote_volume="3000"),
        moving("thinbtc", "199", quote_volume="900"),
        moving("loneusdt", "199", quote_volume="9000000"),
        moving("haltusdt", "199", quote_volume="9000000"),
        symbols=LISTED,
    )
    assert [quote.symbol for quote in market.movers("gainers", None, 9, Decimal(100_000))] == ["ethbtc", "btcusdt"]
    assert [quote.symbol for quote in market.movers("volume", None, 9, Decimal(0))] == ["ethbtc", "btcusdt", "thinbtc"]
    assert [quote.symbol for quote in market.movers("gainers", "usdt", 9, Decimal(0))] == ["btcusdt"]


def test_listings_that_are_none_are_no_listings() -> None:
    assert read_listings(b"") == []
    assert read_listings(b'{"symbols":[{"symbol":"a b"},{"symbol":"AB"},{"symbol":"ab"}]}') == [Listing("ab")]


@pytest.fixture
def directory() -> Directory:
    listed = [
        Listing("btcusdt", "BTC", "USDT", "TRADING"),
        Listing("btceur", "BTC", "EUR", "BREAK"),
        Listing("btcstusdt", "BTCST", "USDT", "TRADING"),
        Listing("ethbtc", "ETH", "BTC", "TRADING"),
        Listing("wbtcusdt", "WBTC", "USDT", "TRADING"),
    ]
    return Directory(listed, ["pepeusdt"])


def test_the_best_match_comes_first(directory: Directory) -> None:
    found = [listing.symbol for listing in directory.search("BTC", 20)]
    assert found[:4] == ["btcusdt", "btcstusdt", "ethbtc", "wbtcusdt"]
    assert "btceur" not in found
    assert [listing.symbol for listing in directory.search("ethbtc", 1)] == ["ethbtc"]
    assert directory.search("pepe", 1)[0].symbol == "pepeusdt"
    assert directory.search("btcusdx", 1)[0].symbol == "btcusdt"


def test_unknown_symbols_are_answered_with_near_ones(directory: Directory) -> None:
    assert directory.find("BTCUSDT") == "btcusdt"
    with pytest.raises(UnknownSymbolError) as refused:
        directory.find("btcusdx")
    assert refused.value.extra["near"][0] == "btcusdt"  # type: ignore[index]


def test_pages_hold_every_symbol_once() -> None:
    symbols = sorted(f"s{number}usdt" for number in range(25))
    seen: list[str] = []
    after: str | None = None
    for _ in range(10):
        page, after = page_of(symbols, after, 10)
        seen += page
        if after is None:
            break
    assert seen == symbols
    assert page_of(symbols, None, 25) == (symbols, None)
