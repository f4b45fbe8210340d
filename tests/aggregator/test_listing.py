"""The exchange's listing on its way into the directory."""

import asyncio
from typing import Any, cast

import pytest

from proto.socket_pb2 import ListSymbolsRequest, Symbol, SymbolList
from services.aggregator.listing import SymbolListing
from services.aggregator.symbols import Directory
from services.exchanges.listing_guard import BELIEVED_AFTER


class Peer:
    """A socket that lists `symbols`."""

    symbols: tuple[str, ...] = ("btcusdt", "ethusdt", "bnbusdt", "xrpusdt")

    async def ListSymbols(self, _: ListSymbolsRequest, timeout: float) -> SymbolList:  # noqa: N802
        return SymbolList(symbols=[Symbol(symbol=name, status="TRADING") for name in self.symbols])


@pytest.mark.parametrize("short", [(), ("btcusdt",)])
async def test_a_listing_that_lacks_most_symbols_is_no_listing_until_it_is_repeated(short: tuple[str, ...]) -> None:
    peer, directory = Peer(), Directory(())
    listing = SymbolListing(cast("Any", peer), directory, asyncio.Event())
    await listing._refresh()
    peer.symbols = short
    for _ in range(BELIEVED_AFTER - 1):
        await listing._refresh()
        assert directory.find("ethusdt") == "ethusdt"
    peer.symbols = Peer.symbols
    await listing._refresh()
    assert {each.status for each in directory.listings()} == {"TRADING"}


async def test_a_listing_without_a_few_is_believed_at_once() -> None:
    peer, directory = Peer(), Directory(())
    listing = SymbolListing(cast("Any", peer), directory, asyncio.Event())
    await listing._refresh()
    peer.symbols = ("btcusdt", "bnbusdt")
    await listing._refresh()
    assert {each.symbol: each.status for each in directory.listings()}["ethusdt"] == "DELISTED"
