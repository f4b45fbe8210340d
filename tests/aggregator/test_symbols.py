"""Which symbols exist, and which are near."""

from decimal import Decimal
from typing import cast

import pytest

from services.aggregator.errors import DelistedError, NotTradingError, SymbolsUnknownError, UnknownSymbolError
from services.aggregator.symbols import Directory
from services.market.symbols import DELISTED, TRADING, Listing


def listed(*symbols: str) -> Directory:
    directory = Directory(())
    directory.replace(map(Listing, symbols))
    return directory


def test_symbols_are_found_in_any_case() -> None:
    assert listed("btcusdt", "币安人生usdt").find("币安人生UsDT") == "币安人生usdt"


@pytest.mark.parametrize(("text", "near"), [("btcusdx", "btcusdt"), ("BTC", "btcusdt"), ("ehtusdt", "ethusdt")])
def test_an_unknown_symbol_names_near_ones(text: str, near: str) -> None:
    with pytest.raises(UnknownSymbolError) as refusal:
        listed("btcusdt", "ethusdt", "dogeeur").find(text)
    found = cast("list[str]", refusal.value.extra["near"])
    assert found[0] == near
    assert len(found) <= 5


def test_nothing_resembles_nonsense() -> None:
    assert listed("btcusdt", "ethusdt").near("!!") == []


def test_until_the_listing_is_here_only_priced_symbols_are_sure() -> None:
    directory = Directory({"btcusdt"})
    assert directory.find("BTCUSDT") == "btcusdt"
    with pytest.raises(SymbolsUnknownError):
        directory.find("ethusdt")
    with pytest.raises(SymbolsUnknownError):
        directory.listings()


def test_a_peer_without_a_listing_leaves_the_priced_symbols() -> None:
    priced = set[str]()
    directory = Directory(priced)
    directory.replace([])
    with pytest.raises(SymbolsUnknownError):
        directory.find("btcusdt")
    priced.add("btcusdt")
    assert directory.find("btcusdt") == "btcusdt"
    with pytest.raises(UnknownSymbolError):
        directory.find("ethusdt")
    assert directory.listings() == [Listing("btcusdt")]


def test_another_exchange_means_to_begin_anew() -> None:
    directory = listed("btcusdt")
    directory.forget()
    with pytest.raises(SymbolsUnknownError):
        directory.find("btcusdt")


def test_listings_are_sorted_and_include_priced_symbols() -> None:
    directory = Directory({"aaa"})
    directory.replace([Listing("zzz", "Z", "ZZ", "TRADING")])
    assert directory.listings() == [Listing("aaa"), Listing("zzz", "Z", "ZZ", "TRADING")]


POL = Listing("polusdt", "POL", "USDT", TRADING)
BTC = Listing("btcusdt", "BTC", "USDT", TRADING)


def delisting() -> Directory:
    directory = Directory({"polusdt"})
    directory.replace([POL, BTC])
    directory.replace([BTC])
    return directory


def test_what_leaves_the_listing_stays_known_and_cannot_be_followed() -> None:
    directory = delisting()
    assert directory.recognise("POLUSDT") == "polusdt"
    with pytest.raises(DelistedError):
        directory.find("polusdt")
    assert directory.listings() == [BTC, Listing("polusdt", "POL", "USDT", DELISTED)]
    assert directory.near("polusd") == []


def test_what_is_listed_again_can_be_followed_again() -> None:
    directory = delisting()
    directory.replace([POL, BTC])
    assert directory.find("polusdt") == "polusdt"
    assert directory.listings() == [BTC, POL]


def test_what_is_listed_without_base_and_quote_keeps_those_that_are_known() -> None:
    directory = Directory(())
    directory.replace([POL, BTC])
    directory.replace([POL, Listing("btcusdt", "", "", "BREAK")])
    assert directory.listing("btcusdt") == Listing("btcusdt", "BTC", "USDT", "BREAK")
    directory.replace([Listing("btcusdt"), Listing("newusdt")])
    assert directory.listing("btcusdt") == Listing("btcusdt", "BTC", "USDT", "")
    assert directory.listing("newusdt") == Listing("newusdt")


@pytest.mark.parametrize("listed_first", [True, False])
def test_what_an_earlier_life_knew_is_known(listed_first: bool) -> None:
    directory = Directory(())
    if listed_first:
        directory.replace([BTC])
    directory.restore([POL, BTC])
    directory.replace([BTC])
    assert directory.listings() == [BTC, Listing("polusdt", "POL", "USDT", DELISTED)]


def test_a_listing_of_nothing_means_nothing() -> None:
    """No coin is delisted because a peer cannot list."""
    directory = delisting()
    directory.replace([])
    assert directory.find("btcusdt") == "btcusdt"
    unpriced = listed("btcusdt")
    unpriced.replace([])
    assert unpriced.listings() == [Listing("btcusdt")]
    silent = Directory({"btcusdt"})
    silent.restore([BTC])
    silent.replace([])
    assert silent.listings() == [Listing("btcusdt", "BTC", "USDT", "")]


def test_what_was_listed_once_is_bounded_and_the_first_to_go_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.aggregator.symbols.MAX_FORMER", 2)
    directory = listed("a", "b", "c", "d")
    for left in (("b", "c", "d"), ("c", "d"), ("d",)):
        directory.replace(map(Listing, left))
    assert [directory.recognise(symbol) for symbol in "abcd"] == [None, "b", "c", "d"]


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY"])
def test_what_does_not_trade_now_cannot_be_followed(status: str) -> None:
    directory = Directory(())
    directory.replace([Listing("maticusdt", "MATIC", "USDT", status)])
    assert directory.recognise("maticusdt") == "maticusdt"
    with pytest.raises(NotTradingError):
        directory.find("maticusdt")


def test_near_matches_come_by_volume() -> None:
    directory = Directory((), lambda _: {"btcusdt": Decimal(9), "btceth": Decimal(1)})
    directory.replace([Listing("btceth", "BTC", "ETH", TRADING), BTC, Listing("btcu", "BTC", "U", TRADING)])
    assert directory.near("btc") == ["btcusdt", "btceth", "btcu"]


def test_what_is_no_symbol_and_names_an_asset_is_offered_the_asset_first() -> None:
    directory = Directory((), lambda _: {"btcusdt": Decimal(9), "btceth": Decimal(1)})
    directory.replace([Listing("btceth", "BTC", "ETH", TRADING), BTC])
    with pytest.raises(UnknownSymbolError) as refused:
        directory.find("BTC")
    assert refused.value.extra["near"] == ["btc", "btcusdt", "btceth"]


def test_another_exchange_has_delisted_nothing() -> None:
    directory = delisting()
    directory.forget()
    directory.replace([BTC])
    assert directory.recognise("ethusdt") is None
    assert [listing.status for listing in directory.listings()] == [TRADING, ""]
