"""The symbols of the exchange, as last listed."""

from collections.abc import Iterable
from typing import cast

from services.exchanges.binance.exchange import Binance
from services.exchanges.exchange import SymbolInfo
from services.exchanges.listing_guard import BELIEVED_AFTER
from services.exchanges.rest_client import RestClient
from services.socket.symbols import SymbolCatalog


def listed(*symbols: str) -> dict[str, SymbolInfo]:
    return {symbol: SymbolInfo(symbol, "", "", "TRADING") for symbol in symbols}


def known(catalog: SymbolCatalog, symbols: Iterable[str]) -> list[bool]:
    return [not catalog.is_unknown(symbol) for symbol in symbols]


def test_a_listing_that_lacks_most_symbols_ends_no_stream_until_it_is_repeated() -> None:
    refreshed: list[None] = []
    catalog = SymbolCatalog(Binance(), cast("RestClient", None), 300.0, lambda: refreshed.append(None))
    assert known(catalog, "ab") == [True, True], "before anything is known, nothing is unknown"
    catalog._take(listed(*"abcdef"))
    for _ in range(BELIEVED_AFTER - 1):
        catalog._take(listed("a"))
        assert known(catalog, "ab") == [True, True]
    assert len(refreshed) == 1
    catalog._take(listed("a"))
    assert known(catalog, "ab") == [True, False]
