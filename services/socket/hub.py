"""Frames to subscribers. Publishing never waits: every queue is bounded, and a full one ends its subscriber.

A subscriber gets every frame published while it is interested, in order, or it is ended and knows it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from services.exchanges.exchange import TradeFrame
from services.socket import metrics
from services.socket.ring import FrameRing, Position, Replay


class End(Enum):
    """Why a subscriber was ended by us."""

    TOO_SLOW = "too_slow"
    DRAINING = "draining"


class SubscriberEndedError(Exception):
    """The subscriber was ended by us, for the reason `end`."""

    def __init__(self, end: End) -> None:
        super().__init__(end.value)
        self.end = end


@dataclass(frozen=True, slots=True)
class QueueLimits:
    max_frames: int
    max_bytes: int


@dataclass(slots=True, eq=False)
class Subscriber:
    """One stream's queue, between the reader of the exchange and one gRPC call."""

    limits: QueueLimits
    ended: asyncio.Future[End]
    symbols: frozenset[str] = frozenset()
    _frames: deque[bytes] = field(default_factory=deque)
    _size_bytes: int = 0
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, data: bytes) -> bool:
        """Queue a frame; False if it does not fit. An empty queue takes a frame of any size."""
        size_bytes = self._size_bytes + len(data)
        if self._frames and (len(self._frames) >= self.limits.max_frames or size_bytes > self.limits.max_bytes):
            return False
        self._frames.append(data)
        self._size_bytes = size_bytes
        self._filled.set()
        return True

    async def take(self, max_frames: int, max_bytes: int) -> list[bytes]:
        """Wait for frames and return as many as are there, within the bounds but at least one. Safe to cancel."""
        while not self._frames:  # the queue may have been let go between the wake-up and our turn
            await self._filled.wait()
        taken = [self._frames.popleft()]
        taken_bytes = len(taken[0])
        while self._frames and len(taken) < max_frames and taken_bytes + len(self._frames[0]) <= max_bytes:
            data = self._frames.popleft()
            taken.append(data)
            taken_bytes += len(data)
        self._size_bytes -= taken_bytes
        if not self._frames:
            self._filled.clear()
        return taken

    @property
    def is_half_full(self) -> bool:
        return 2 * len(self._frames) >= self.limits.max_frames or 2 * self._size_bytes >= self.limits.max_bytes

    def end(self, reason: End) -> None:
        """Drop the queue and end the call with `reason`."""
        self._frames.clear()
        self._size_bytes = 0
        self._filled.clear()
        if not self.ended.done():
            self.ended.set_result(reason)


class Hub:
    """All subscribers, and what each is interested in."""

    def __init__(self, limits: QueueLimits, ring: FrameRing) -> None:
        self._limits = limits
        self._ring = ring
        self._ticker_subscribers: set[Subscriber] = set()
        self._trade_subscribers: set[Subscriber] = set()
        self._by_symbol: dict[str, set[Subscriber]] = {}
        self._draining = False
        self.interest_changed = asyncio.Event()
        """Set when `symbols`, or which of them the exchange trades, may have changed. Its reader clears it."""

    @property
    def symbols(self) -> Set[str]:
        """The symbols that at least one subscriber wants now."""
        return self._by_symbol.keys()

    @contextmanager
    def ticker_subscriber(self) -> Iterator[Subscriber]:
        """A subscriber to the all-market mini-ticker, while the context is open."""
        with self._member_of(self._ticker_subscribers, "ticker") as subscriber:
            yield subscriber

    @contextmanager
    def resuming_subscriber(self, after: Position | None) -> Iterator[tuple[Subscriber, Replay]]:
        """The same, and what is still there of the frames after `after`: together they miss and repeat none."""
        with self.ticker_subscriber() as subscriber:
            yield subscriber, self._ring.replay(after)

    @contextmanager
    def trade_subscriber(self) -> Iterator[Subscriber]:
        """A subscriber to trades, of no symbol at first, while the context is open."""
        with self._member_of(self._trade_subscribers, "trade") as subscriber:
            try:
                yield subscriber
            finally:
                self._forget(subscriber)

    def set_interest(self, subscriber: Subscriber, symbols: frozenset[str]) -> None:
        """From now on `subscriber` gets the trades of exactly `symbols`. Without effect on an ended one."""
        if subscriber.ended.done():
            return
        for symbol in subscriber.symbols - symbols:
            self._drop(symbol, subscriber)
        for symbol in symbols - subscriber.symbols:
            self._by_symbol.setdefault(symbol, set()).add(subscriber)
        subscriber.symbols = symbols
        self.interest_changed.set()

    def publish_tickers(self, data: bytes) -> None:
        self._ring.add(data, time.monotonic())
        self._push(self._ticker_subscribers, (data,))

    def publish_trades(self, symbol: str, frames: Sequence[TradeFrame]) -> None:
        """Send consecutive trades of one symbol to all its subscribers."""
        subscribers = self._by_symbol.get(symbol)
        if subscribers:
            self._push(subscribers, [frame.data for frame in frames])

    def is_congested(self, symbol: str) -> bool:
        """Whether a subscriber to `symbol` already has a long queue: what can wait should."""
        return any(subscriber.is_half_full for subscriber in self._by_symbol.get(symbol, ()))

    def drain(self) -> None:
        """End every subscriber, including those that come later."""
        self._draining = True
        for subscriber in [*self._ticker_subscribers, *self._trade_subscribers]:
            subscriber.end(End.DRAINING)

    def _push(self, subscribers: set[Subscriber], frames: Sequence[bytes]) -> None:
        full = []
        for subscriber in subscribers:
            for data in frames:
                if not subscriber.push(data):
                    full.append(subscriber)
                    break
        for subscriber in full:
            self._forget(subscriber)
            self._ticker_subscribers.discard(subscriber)
            subscriber.end(End.TOO_SLOW)
            metrics.CUT.inc()

    def _forget(self, subscriber: Subscriber) -> None:
        for symbol in subscriber.symbols:
            self._drop(symbol, subscriber)
        subscriber.symbols = frozenset()
        self.interest_changed.set()

    def _drop(self, symbol: str, subscriber: Subscriber) -> None:
        interested = self._by_symbol[symbol]
        interested.discard(subscriber)
        if not interested:
            del self._by_symbol[symbol]

    @contextmanager
    def _member_of(self, members: set[Subscriber], kind: str) -> Iterator[Subscriber]:
        subscriber = Subscriber(self._limits, asyncio.get_running_loop().create_future())
        members.add(subscriber)
        gauge = metrics.SUBSCRIBERS.labels(kind)
        gauge.inc()
        if self._draining:
            subscriber.end(End.DRAINING)
        try:
            yield subscriber
        finally:
            members.discard(subscriber)
            gauge.dec()
