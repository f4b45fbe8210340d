"""Renewing what open websockets show, with our aggregator and with the Go original."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.common.errors import NotFoundError, UnavailableError
from services.common.lifecycle import Lifecycle
from services.profile.upstream.aggregator_client import Aggregator, open_client
from services.profile.upstream.leases import MAX_FOLLOWER_ID, Leases, draw_follower_id
from tests.processes import until
from tests.profile.scripted import ScriptedAggregator, serving


@pytest.fixture
def peer() -> ScriptedAggregator:
    """An aggregator of this test's own."""
    return ScriptedAggregator()


@asynccontextmanager
async def renewing(peer: ScriptedAggregator, wanted: set[str]) -> AsyncIterator[Leases]:
    with serving(peer):
        async with open_client(peer.url) as http, asyncio.TaskGroup() as tasks:
            leases = Leases(Aggregator(http, 7, 2.0), lambda: frozenset(wanted), 0.01)
            async with leases.running(Lifecycle(tasks)):
                yield leases


def held(peer: ScriptedAggregator) -> set[str]:
    return peer.followed.get("7", set())


@pytest.mark.parametrize("kind", ["ours", "go"])
async def test_what_is_wanted_is_followed_and_released_at_the_end(peer: ScriptedAggregator, kind: str) -> None:
    peer.kind = kind  # type: ignore[assignment]
    wanted = {"btcusdt", "ethusdt"}
    async with renewing(peer, wanted):
        await until(lambda: held(peer) == {"btcusdt", "ethusdt"})
        wanted.discard("ethusdt")
        wanted.add("dogeusdt")
        await until(lambda: held(peer) == {"btcusdt", "dogeusdt"})
    assert held(peer) == set()


@pytest.mark.parametrize("kind", ["ours", "go"])
async def test_an_aggregator_that_forgot_hears_it_again(peer: ScriptedAggregator, kind: str) -> None:
    peer.kind = kind  # type: ignore[assignment]
    async with renewing(peer, {"btcusdt"}):
        await until(lambda: held(peer) == {"btcusdt"})
        peer.followed.clear()
        await until(lambda: held(peer) == {"btcusdt"})


@pytest.mark.parametrize("kind", ["ours", "go"])
async def test_a_check_without_a_websocket_does_not_hold(peer: ScriptedAggregator, kind: str) -> None:
    """Adding a coin follows it at once; without a websocket, the next renewal releases it."""
    peer.kind = kind  # type: ignore[assignment]
    async with renewing(peer, set()) as leases:
        followed = await leases.follow("btcusdt")
        assert (followed.status, followed.symbol) == ("started", "btcusdt")
        await until(lambda: held(peer) == set())


async def test_renewal_goes_on_after_failures(peer: ScriptedAggregator) -> None:
    peer.kind = "failing"
    async with renewing(peer, {"btcusdt"}):
        await until(lambda: len(peer.requests) > 3)
        peer.kind = "ours"
        await until(lambda: held(peer) == {"btcusdt"})


async def test_a_symbol_that_the_go_original_refuses_does_not_stop_the_others(peer: ScriptedAggregator) -> None:
    peer.kind = "go"
    async with renewing(peer, {"nosuchsymbol", "btcusdt"}):
        await until(lambda: held(peer) == {"btcusdt"})


async def test_an_aggregator_that_is_gone(peer: ScriptedAggregator) -> None:
    with serving(peer):
        url = peer.url
    async with open_client(url) as http:
        aggregator = Aggregator(http, 7, 2.0)
        for attempt in (aggregator.follow("btcusdt"), aggregator.unfollow("btcusdt"), aggregator.renew(["btcusdt"])):
            with pytest.raises(UnavailableError):
                await attempt


async def test_an_aggregator_that_accepts_and_never_answers() -> None:
    """It drips a byte now and then: each would start a per-read timeout anew."""

    ended = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        ended.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server, asyncio.timeout(20):
        async with open_client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as http:
            with pytest.raises(UnavailableError):
                await Aggregator(http, 7, 0.2).follow("btcusdt")
        await ended.wait()


async def test_unknown_symbols_come_with_near_ones(peer: ScriptedAggregator) -> None:
    with serving(peer):
        async with open_client(peer.url) as http:
            with pytest.raises(NotFoundError) as refused:
                await Aggregator(http, 7, 2.0).follow("btcusdx")
    assert refused.value.extra == {"near": ["btcusdt"]}


def test_follower_ids_are_drawn_from_the_range_of_the_contract() -> None:
    drawn = {draw_follower_id() for _ in range(100)}
    assert len(drawn) == 100
    assert all(0 < follower_id <= MAX_FOLLOWER_ID for follower_id in drawn)
