"""Which symbols exist, and which are near."""

import pytest

from services.aggregator.errors import SymbolsUnknownError, UnknownSymbolError
from services.aggregator.symbols import Directory
from services.market.symbols import Listing


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
    assert refusal.value.near[0] == near
    assert len(refusal.value.near) <= 5


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
