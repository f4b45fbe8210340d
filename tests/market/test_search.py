"""The one ranking of symbols, and the volumes in one currency behind it."""

from decimal import Decimal

from services.common.near import near_matches
from services.market.ranking import rates_in, volumes_in
from services.market.search import search, with_assets
from services.market.symbols import DELISTED, TRADING, Listing
from services.market.valuation import Pair

LISTED = [
    Listing("btcusdt", "BTC", "USDT", TRADING),
    Listing("btceth", "BTC", "ETH", TRADING),
    Listing("btcu", "BTC", "U", TRADING),
    Listing("btcidr", "BTC", "IDR", TRADING),
    Listing("btcstusdt", "BTCST", "USDT", TRADING),
    Listing("ethusdt", "ETH", "USDT", TRADING),
    Listing("ethbtc", "ETH", "BTC", TRADING),
    Listing("wbtcusdt", "WBTC", "USDT", TRADING),
    Listing("oldusdt", "OLD", "USDT", DELISTED),
    Listing("btceur", "BTC", "EUR", "BREAK"),
]


def pair(symbol: str, price: str, volume: str | None) -> Pair:
    listing = next(each for each in LISTED if each.symbol == symbol)
    return Pair(symbol, listing.base, listing.quote, Decimal(price), None if volume is None else Decimal(volume))


PAIRS = [
    pair("btcusdt", "60000", "1000000"),
    pair("btceth", "20", "100"),
    pair("btcu", "60000", "900000"),
    pair("btcidr", "900000000", "9000000000"),  # the largest number, and the smallest volume
    pair("ethusdt", "3000", "500000"),
    pair("btcstusdt", "1", "2000000"),
]


def found(text: str, limit: int = 20) -> list[str]:
    volumes = volumes_in("USDT", PAIRS)
    return [listing.symbol for listing in search(text, LISTED, volumes, limit, near_matches)]


def test_of_one_base_the_largest_volume_in_one_currency_comes_first() -> None:
    assert found("btc")[:5] == ["btcusdt", "btcu", "btcidr", "btceth", "btcstusdt"]


def test_the_symbol_itself_comes_before_every_volume() -> None:
    assert found("BTCETH")[0] == "btceth"
    assert found("btcu")[0] == "btcu"


def test_a_base_is_what_the_exchange_lists_not_what_the_text_looks_like() -> None:
    listed = [Listing("btcaeur", "BTC", "AEUR"), Listing("btcausdt", "BTCA", "USDT")]
    assert [each.symbol for each in search("btca", listed, {}, 5, near_matches)] == ["btcausdt", "btcaeur"]


def test_what_is_not_traded_is_not_offered() -> None:
    assert "oldusdt" not in found("old")
    assert "oldusdt" not in found("oldusdt")
    assert "btceur" not in found("btc")


def test_what_is_mistyped_finds_similar_ones() -> None:
    assert found("btcusdx")[0] == "btcusdt"
    assert found("!!") == []
    assert len(found("btc", 2)) == 2


def test_rates_go_along_the_shortest_path_and_of_two_the_one_that_trades_more() -> None:
    rates = rates_in("USDT", PAIRS)
    assert rates == {
        "USDT": 1,
        "BTC": 60000,
        "ETH": 3000,
        "U": 1,
        "IDR": Decimal(60000) / 900000000,
        "BTCST": 1,
    }
    thin = [
        Pair("xbtc", "X", "BTC", Decimal(1), Decimal("0.001")),
        Pair("xeth", "X", "ETH", Decimal(7), Decimal(5)),
    ]
    assert rates_in("USDT", [*PAIRS, *thin])["X"] == 21000


def test_unknown_is_unknown() -> None:
    volumes = volumes_in("USDT", [*PAIRS, Pair("ab", "A", "B", Decimal(2), Decimal(3)), pair("ethbtc", "0.05", None)])
    assert "ab" not in volumes
    assert "ethbtc" not in volumes
    assert volumes["btceth"] == 300_000
    assert volumes_in("USDT", [Pair("ab", "A", "B", Decimal(2), Decimal(3))]) == {}
    assert volumes_in("USDT", [Pair("ausdt", "A", "USDT", Decimal(0), Decimal(3))]) == {}


def found_with_assets(text: str, limit: int = 20) -> list[str]:
    listings, volumes = with_assets(LISTED, volumes_in("USDT", PAIRS))
    return [listing.symbol for listing in search(text, listings, volumes, limit, near_matches)]


def test_an_asset_comes_first_and_then_its_pairs_by_volume() -> None:
    assert found_with_assets("BTC")[:5] == ["btc", "btcusdt", "btcu", "btcidr", "btceth"]
    assert found_with_assets("usdt")[0] == "usdt"
    assert found_with_assets("btcusdt")[0] == "btcusdt"


def test_what_begins_an_assets_name_finds_it_among_the_pairs_by_volume() -> None:
    assert found_with_assets("bt")[:2] == ["btc", "btcst"]
    assert found_with_assets("us")[0] == "usdt"


def test_an_asset_is_a_row_without_a_quote_and_none_that_cannot_be_traded() -> None:
    listings, _ = with_assets([*LISTED, Listing("eth", "E", "TH", TRADING), Listing("unnamed")], {})
    assets = {listing.symbol: listing for listing in listings if listing.base and not listing.quote}
    assert assets["btc"] == Listing("btc", "BTC", "", TRADING)
    assert "old" not in assets
    assert "eur" not in assets, "its only pair is halted"
    assert "eth" not in assets, "a pair has this name"
