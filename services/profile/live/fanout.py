"""Fan-out of prices: one loop that sends each affected client one newest document.

Nothing here waits for a client. A client that is full is remembered as stalled; it costs no queue, because the newest
document is rendered when it drains.
"""

import asyncio
import time
from collections.abc import Iterable
from itertools import islice

from services.profile.live import metrics
from services.profile.live.document import PortfolioDocument
from services.profile.live.market_view import MarketView
from services.profile.live.prices import Price
from services.profile.live.push import text_frame
from services.profile.live.stalled import Stalled
from services.profile.live.viewers import Detail, Holders, Screen, Sink, Viewer

MAX_GATHERINGS = 5
"""How often the loop waits for more prices while they keep coming; then it serves what there is."""
VIEWERS_PER_TURN = 100
"""Documents rendered before other tasks get a turn: one or two milliseconds."""


class Fanout:
    """The prices in view, the viewers of each symbol, and the loop between them."""

    def __init__(self, stalled: Stalled, *, gather_s: float) -> None:
        self._stalled = stalled
        self._gather_s = gather_s
        self.market = MarketView()
        """What documents are rendered at. Prices come into it by `apply` alone."""
        self._latest = self.market.latest
        self._holders = Holders()
        self._wake = asyncio.Event()

    @property
    def symbols(self) -> frozenset[str]:
        """All symbols with a viewer."""
        return self._holders.symbols

    def unpriced(self, symbols: Iterable[str]) -> list[str]:
        """Those of `symbols` without a known price."""
        return [symbol for symbol in symbols if symbol not in self._latest]

    def apply(self, symbol: str, price: Price, heard_s: float | None = None) -> None:
        """Take in a price, as `LatestPrices.apply` does; the loop sends it. Prices without a viewer are dropped."""
        if symbol not in self._holders:
            return
        if self.market.apply(symbol, price, heard_s):
            self._wake.set()

    def hold(self, viewer: Viewer, symbols: frozenset[str]) -> frozenset[str]:
        """Keep prices of `symbols` too, for a document that is to come. Returns those without a viewer before."""
        added = self._holders.add(viewer, symbols - viewer.symbols)
        viewer.symbols |= symbols
        return added

    def show(self, viewer: Viewer, document: PortfolioDocument) -> tuple[frozenset[str], frozenset[str]]:
        """Let `viewer` see `document`, and send it at once.

        Returns the symbols that gained their first viewer, and those that lost their last one.
        """
        before, viewer.document = viewer.symbols, document
        viewer.symbols = document.needed()
        added = self._holders.add(viewer, viewer.symbols - before)
        dropped = self._release(viewer, before - viewer.symbols)
        self._send([viewer])
        return added, dropped

    def forget(self, viewer: Viewer) -> frozenset[str]:
        """Remove `viewer`. Returns the symbols that lost their last viewer."""
        dropped = self._release(viewer, viewer.symbols)
        viewer.symbols = frozenset()
        viewer.document = None
        return dropped

    def attach(self, viewer: Viewer, sink: Sink, detail: Detail = Detail.PLAIN) -> None:
        """Send the document to `sink` now, and from now on at every change."""
        screen = viewer.screen(detail)
        screen.sinks.append(sink)
        if viewer.document is not None:
            frame = self._frame(viewer.document, screen)
            screen.shown = hash(frame) if screen.sinks == [sink] else None
            self._push([(sink, frame)])

    def detach(self, viewer: Viewer, sink: Sink, detail: Detail = Detail.PLAIN) -> None:
        """Send nothing more to `sink`."""
        viewer.screen(detail).sinks.remove(sink)
        self._stalled.remove(sink)

    def drained(self, viewer: Viewer, sink: Sink, detail: Detail = Detail.PLAIN) -> None:
        """`sink` can take a frame again: if it missed one, it gets the newest."""
        if self._stalled.remove(sink) and viewer.document is not None:
            self._push([(sink, self._frame(viewer.document, viewer.screen(detail)))])

    async def run(self) -> None:
        """Serve price changes until cancelled."""
        while True:
            await self._wake.wait()
            await self._coalesce()
            await self._serve(self.market.take_changes())

    async def _coalesce(self) -> None:
        """Let the rest of a burst arrive: one document a tick, not one for each piece the network made of it."""
        for _ in range(MAX_GATHERINGS):
            self._wake.clear()
            await asyncio.sleep(self._gather_s)
            if not self._wake.is_set():
                break
        self._wake.clear()

    async def _serve(self, changed: set[str]) -> None:
        started_s = time.perf_counter()
        affected = self._holders.of(changed)
        prices = [self._latest[symbol] for symbol in changed if symbol in self._latest]
        waiting = iter(affected)
        while turn := list(islice(waiting, VIEWERS_PER_TURN)):
            self._send(turn)
            await asyncio.sleep(0)
        metrics.PASS_SECONDS.observe(time.perf_counter() - started_s)
        if prices:
            metrics.LAG_SECONDS.observe(time.time() - min(price.event_time_ms for price in prices) / 1000)

    def _send(self, viewers: Iterable[Viewer]) -> None:
        """Send each viewer's newest document to all of its websockets.

        First all documents, then all system calls: one after the other, each finds the CPU's caches full of the other's
        code, and takes twice as long.
        """
        frames = [
            (screen.sinks, frame)
            for viewer in viewers
            if viewer.document is not None
            for screen in viewer.screens
            if (frame := self._news(viewer.document, screen)) is not None
        ]
        self._push((sink, frame) for sinks, frame in frames for sink in sinks)

    def _news(self, document: PortfolioDocument, screen: Screen) -> bytes | None:
        if not screen.sinks:
            return None
        frame = self._frame(document, screen)
        shown = hash(frame)
        if shown == screen.shown:
            return None
        screen.shown = shown
        return frame

    def _frame(self, document: PortfolioDocument, screen: Screen) -> bytes:
        return text_frame(screen.render(document, self._latest))

    def _push(self, frames: Iterable[tuple[Sink, bytes]]) -> None:
        count = 0
        for sink, frame in frames:
            if sink.push(frame):
                count += 1
            else:
                self._stalled.add(sink)
        metrics.DOCUMENTS.inc(count)

    def _release(self, viewer: Viewer, symbols: frozenset[str]) -> frozenset[str]:
        dropped = self._holders.remove(viewer, symbols)
        for symbol in dropped:
            self.market.forget(symbol)
        return dropped
