"""A recorder over a real broker, and tickers to feed it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from services.aggregator.backlog import Backlog
from services.aggregator.events import TICKER_EVENTS
from services.aggregator.intake import wall_clock_ms
from services.aggregator.kafka import Producer, open_producer
from services.aggregator.recorder import Recorder
from services.market.events import MiniTicker
from tests.aggregator.socket_peer import START_MS

SYMBOLS = 700


def tickers(first: int, number: int) -> list[MiniTicker]:
    """Numbers `first`… of an endless row in which 700 symbols take turns; event times are those numbers."""
    return [
        MiniTicker(START_MS + each, f"SYM{each % SYMBOLS}USDT", f"{each}.5", "1.50000000", "2", "1", "10.1", "15.15")
        for each in range(first, first + number)
    ]


def ids(fed: Iterable[MiniTicker]) -> list[str]:
    return [f"{ticker.symbol}:{ticker.event_ms}" for ticker in fed]


class Feeder:
    """Feeds a recorder the row of `tickers`, and knows what it has fed."""

    def __init__(self, recorder: Recorder[MiniTicker]) -> None:
        self._recorder = recorder
        self.fed: list[MiniTicker] = []

    def feed(self, number: int) -> list[MiniTicker]:
        batch = tickers(len(self.fed), number)
        self.fed += batch
        self._recorder.take(batch, "binance", wall_clock_ms())
        return batch


class Openings:
    """Opens producers, and keeps the newest at hand for sabotage."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._open = partial(open_producer, bootstrap, topic)
        self.producers: list[Producer] = []

    def __call__(self) -> AbstractAsyncContextManager[Producer]:
        return self._noted()

    @asynccontextmanager
    async def _noted(self) -> AsyncIterator[Producer]:
        async with self._open() as producer:
            self.producers.append(producer)
            yield producer


@asynccontextmanager
async def recording(opener: Openings, max_bytes: int = 10**9) -> AsyncIterator[tuple[Recorder[MiniTicker], Feeder]]:
    """A running recorder; leaving it ends it undrained unless the test has drained it."""
    recorder = Recorder(Backlog(TICKER_EVENTS, max_bytes), opener)
    running = asyncio.create_task(recorder.run())
    try:
        yield recorder, Feeder(recorder)
    finally:
        running.cancel()
        await asyncio.wait([running])
    if not running.cancelled():
        running.result()
