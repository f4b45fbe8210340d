"""One budget of the exchange for all that ask it: live repair, the fill that runs by itself, and the one by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from prometheus_client import Counter

from services.backfill.klines import KlineSource, open_http_client
from services.exchanges import weight
from services.exchanges.binance.exchange import Binance
from services.exchanges.rest_client import RestClient, open_rest_client
from services.exchanges.weight import WeightLimit
from simulator import rest
from simulator.exchange_info import WEIGHT_PER_MINUTE
from tests.processes import until
from tests.simulator.running import Running, running

MINUTE_S = 29_454_480 * 60.0
WORKERS = {"live": 8, "fill": 4, "command": 1}
"""Requests of each at once, as in the services."""
REQUEST = Binance.trades_request("btcusdt", 1, 1)
Get = Callable[[], Awaitable[bytes]]
requests = Counter("test_shared_weight_requests", "Requests of these tests.", ["outcome"])


@dataclass
class Minutes:
    """One clock for the exchange and all that count its minutes, which stands until `next`."""

    now_s: float = MINUTE_S + 20.0
    waiting: int = 0
    waits: int = 0
    """All that there have been: one of each worker in a minute."""
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

    def next(self) -> None:
        self.now_s += 60.0
        self._begun.set()
        self._begun = asyncio.Event()

    async def sleep(self, _: float) -> None:
        self.waiting += 1
        self.waits += 1
        try:
            await self._begun.wait()
        finally:
            self.waiting -= 1


@dataclass(frozen=True)
class Place:
    minutes: Minutes
    exchange: Running
    live: RestClient
    sources: dict[str, KlineSource]

    def ask(self, name: str) -> Get:
        client = self.sources.get(name, self.live)
        return lambda: client.get(REQUEST)

    async def used(self) -> int:
        """What the exchange has counted in this minute."""
        answer = await self.exchange.http.get("/api/v3/time")
        return int(answer.headers["X-MBX-USED-WEIGHT-1M"]) - 1


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    minutes = Minutes()
    monkeypatch.setattr(weight, "_clock_s", lambda: minutes.now_s)
    monkeypatch.setattr(weight, "_sleep", minutes.sleep)
    monkeypatch.setattr(rest, "time", SimpleNamespace(time=lambda: minutes.now_s))
    exchange, sources = Binance(), {}
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running())
        await simulator.control("burst", symbol="BTCUSDT", count=10)
        url = f"http://127.0.0.1:{simulator.settings.rest_port}"
        for name in ("fill", "command"):
            client = await stack.enter_async_context(open_http_client(url))
            limit = WeightLimit(print, exchange.limits.background_weight)
            sources[name] = KlineSource(exchange, client, limit, 5.0, print)
        live = open_rest_client(url, exchange, requests)
        await stack.enter_async_context(live.client)
        yield Place(minutes, simulator, live, sources)


async def for_ever(get: Get) -> None:
    while True:
        await get()


async def until_all_wait(place: Place, tasks: asyncio.TaskGroup, names: dict[str, int]) -> list[asyncio.Task[None]]:
    """Begin so many workers of each; returns them once every one waits for the next minute."""
    before = place.minutes.waiting
    begun = [tasks.create_task(for_ever(place.ask(name))) for name, number in names.items() for _ in range(number)]
    await until(lambda: place.minutes.waiting == before + len(begun), 120, "all wait for the next minute")
    return begun


async def test_all_that_ask_together_stay_below_half_of_the_weight(place: Place) -> None:
    limits = Binance.limits
    async with asyncio.TaskGroup() as tasks:
        begun = await until_all_wait(place, tasks, WORKERS)
        assert limits.background_weight < await place.used() <= WEIGHT_PER_MINUTE / 2
        place.minutes.next()
        await until(lambda: place.minutes.waits == 2 * len(begun), 120, "all wait for the minute after")
        assert limits.background_weight < await place.used() <= WEIGHT_PER_MINUTE / 2
        for task in begun:
            task.cancel()


async def test_the_background_leaves_room_for_what_cannot_wait(place: Place) -> None:
    limits = Binance.limits
    async with asyncio.TaskGroup() as tasks:
        begun = await until_all_wait(place, tasks, {"fill": WORKERS["fill"], "command": WORKERS["command"]})
        used = await place.used()
        late = len(begun) * REQUEST.weight
        assert limits.background_weight - REQUEST.weight < used <= limits.background_weight + late
        async with asyncio.timeout(60):  # the next minute never begins
            for _ in range(10):
                await place.live.get(REQUEST)
        assert place.minutes.waiting == len(begun), "live repair waits for nothing"
        assert await place.used() > used
        for task in begun:
            task.cancel()
