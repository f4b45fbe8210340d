"""The lease of what anybody holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.common.errors import UnavailableError
from services.profile.upstream.aggregator_client import Aggregator, open_client
from services.profile.upstream.holdings import MAX_HELD, Holdings
from tests.processes import until
from tests.profile.scripted import ScriptedAggregator, serving


class Portfolios:
    """What a reading finds."""

    def __init__(self, *symbols: str) -> None:
        self.symbols = set(symbols)
        self.readings = 0
        self.is_away = False
        self.open = asyncio.Event()
        self.open.set()

    async def read(self, most: int) -> frozenset[str]:
        assert most == MAX_HELD
        self.readings += 1
        found = frozenset(self.symbols)
        await self.open.wait()
        if self.is_away:
            raise UnavailableError("database_unavailable", "away")
        return found


@asynccontextmanager
async def holding(
    peer: ScriptedAggregator, portfolios: Portfolios, read_interval_s: float = 0.0
) -> AsyncIterator[Holdings]:
    with serving(peer):
        async with open_client(peer.url) as http:
            holdings = Holdings(Aggregator(http, 9, 2.0), portfolios.read, 0.01, read_interval_s)
            running = asyncio.create_task(holdings.run())
            try:
                yield holdings
            finally:
                running.cancel()
                await asyncio.wait([running])


def leased(peer: ScriptedAggregator) -> set[str]:
    return peer.followed.get("9", set())


async def test_what_portfolios_hold_is_leased_and_not_released_at_the_end() -> None:
    peer, portfolios = ScriptedAggregator(), Portfolios("btcusdt", "ethusdt")
    async with holding(peer, portfolios):
        await until(lambda: leased(peer) == {"btcusdt", "ethusdt"})
        portfolios.symbols = {"ethusdt", "dogeusdt"}
        await until(lambda: leased(peer) == {"ethusdt", "dogeusdt"})
    assert leased(peer) == {"ethusdt", "dogeusdt"}


async def test_a_coin_that_was_just_added_waits_for_no_reading() -> None:
    peer, portfolios = ScriptedAggregator(), Portfolios("btcusdt")
    async with holding(peer, portfolios, 1e9) as holdings:
        await until(lambda: leased(peer) == {"btcusdt"})
        holdings.add("ethusdt")
        await until(lambda: leased(peer) == {"btcusdt", "ethusdt"})
    assert portfolios.readings == 1


async def test_an_unknown_symbol_is_named_once_a_reading() -> None:
    peer, portfolios = ScriptedAggregator(unknown={"usdt"}), Portfolios("btcusdt", "usdt")
    async with holding(peer, portfolios, 1e9):
        await until(lambda: len(peer.requests) > 5)
    assert leased(peer) == {"btcusdt"}
    assert peer.named.count("usdt") == 1


@pytest.mark.parametrize("kind", ["failing", "go", "garbled"])
async def test_it_outlives_an_aggregator_that_fails(kind: str) -> None:
    peer, portfolios = ScriptedAggregator(), Portfolios("btcusdt")
    peer.kind = kind  # type: ignore[assignment]
    async with holding(peer, portfolios):
        await until(lambda: len(peer.requests) > 3)
        peer.kind = "ours"
        await until(lambda: leased(peer) == {"btcusdt"})


async def test_it_keeps_what_it_knows_while_the_database_is_away() -> None:
    peer, portfolios = ScriptedAggregator(), Portfolios("btcusdt")
    portfolios.is_away = True
    async with holding(peer, portfolios):
        await until(lambda: portfolios.readings > 3)
        portfolios.is_away = False
        await until(lambda: leased(peer) == {"btcusdt"})


async def test_a_coin_that_is_added_during_a_reading_is_not_forgotten_by_it() -> None:
    """The reading may have begun before the coin was there."""
    peer, portfolios = ScriptedAggregator(), Portfolios("btcusdt")
    portfolios.open.clear()
    async with holding(peer, portfolios, 1e9) as holdings:
        await until(lambda: portfolios.readings == 1)
        holdings.add("ethusdt")
        portfolios.open.set()
        await until(lambda: "btcusdt" in leased(peer))
        assert leased(peer) == {"btcusdt", "ethusdt"}
