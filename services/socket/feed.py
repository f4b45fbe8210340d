"""The upstream half as a whole: which symbols are asked of the exchange, and every frame's way to the hub."""

import asyncio
import math
import time
from functools import partial

import structlog

from services.common.flow import Flow
from services.common.health import NotReadyError
from services.common.throttle import Throttle
from services.exchanges.exchange import Exchange, Rejected, TickerFrame, TradeFrame
from services.exchanges.pacing import Allowance
from services.socket import metrics
from services.socket.assignment import Assignment
from services.socket.backfill import Backfill
from services.socket.hub import Hub
from services.socket.refusals import Refusals
from services.socket.sequence import TickerWatermarks, TradeSequence
from services.socket.settings import SocketSettings
from services.socket.shard import Shard
from services.socket.symbols import SymbolCatalog

log = structlog.get_logger()

_MAX_HELD_FRAMES = 10_000
_SUBSCRIBED_WITHIN_S = 15.0
"""A wanted symbol that no connection carries for longer makes us not ready."""

_duplicate_tickers = metrics.DUPLICATES.labels("ticker")


class Feed:
    """Follows the hub's interest in what the exchange trades, and publishes what it sends, in order and once."""

    def __init__(
        self, settings: SocketSettings, exchange: Exchange, hub: Hub, backfill: Backfill, catalog: SymbolCatalog
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._hub = hub
        self._backfill = backfill
        self._catalog = catalog
        limits = exchange.limits
        self._connects = Allowance(limits.connects, limits.connects_period_s, limits.connects_at_once)
        self._refusals = Refusals(_log_set_aside)
        self._assignment = Assignment(settings.streams_per_connection, settings.max_connections, settings.linger_s)
        self._shards: dict[int, tuple[Shard, asyncio.Task[None]]] = {}
        self._sequences: dict[str, TradeSequence] = {}
        self._fills: dict[str, asyncio.Task[None]] = {}
        self._watermarks = TickerWatermarks()
        self._flows = {"ticker": Flow("mini-ticker"), "trade": Flow("trade")}
        self._rejections = Throttle()
        self._tasks = asyncio.TaskGroup()
        metrics.FRAME_AGE.set_function(lambda: self.frame_age_s)
        metrics.SET_ASIDE.set_function(lambda: len(self._refusals.set_aside))
        for kind in self._flows:
            metrics.ACCEPTED_AGE.labels(kind).set_function(partial(self._accepted_age_s, kind))

    @property
    def frame_age_s(self) -> float:
        """Time since the last frame of the stalest connection; infinite before the start."""
        return max((shard.frame_age_s for shard, _ in self._shards.values()), default=math.inf)

    def _accepted_age_s(self, kind: str) -> float:
        return self._flows[kind].age_s(time.monotonic())

    async def check_connections(self) -> None:
        """A readiness check: raises unless every connection has brought a frame within the watchdog's time."""
        if self.frame_age_s > self._settings.silence_s:
            age = f"for {self.frame_age_s:.0f} s" if math.isfinite(self.frame_age_s) else "yet"
            raise NotReadyError(f"no frame from the exchange {age}")

    async def check_tickers(self) -> None:
        """A readiness check: raises unless a mini-ticker has been accepted within the watchdog's time."""
        _raise_if(self._flows["ticker"].silence(time.monotonic(), self._settings.silence_s))

    async def check_trades(self) -> None:
        """A readiness check: raises while trades come and all are rejected, or wanted symbols are not subscribed."""
        _raise_if(self._flows["trade"].rejection(time.monotonic(), self._settings.silence_s))
        missing = set[str]().union(*(shard.missing(_SUBSCRIBED_WITHIN_S) for shard, _ in self._shards.values()))
        if missing:
            raise NotReadyError(f"trades of {len(missing)} symbols are not subscribed, among them {min(missing)}")

    async def run(self) -> None:
        """Follow the hub until cancelled. The exchange may be down: this never raises for it."""
        async with self._tasks:
            while True:
                self._hub.interest_changed.clear()
                self._update()
                await self._interest_or_expiry()

    async def _interest_or_expiry(self) -> None:
        expiry_s = self._assignment.next_expiry_s()
        delay_s = None if expiry_s is None else max(expiry_s - time.monotonic(), 0.0)
        try:
            async with asyncio.timeout(delay_s):
                await self._hub.interest_changed.wait()
        except TimeoutError:
            pass

    def _update(self) -> None:
        wanted = {symbol for symbol in self._hub.symbols if not self._catalog.is_unknown(symbol)}
        changes = self._assignment.update(wanted, time.monotonic())
        for symbol in changes.removed:
            del self._sequences[symbol]
            if symbol in self._fills:
                self._fills.pop(symbol).cancel()
        self._refusals.forget(changes.removed)
        for symbol in changes.added:
            self._sequences[symbol] = TradeSequence(_MAX_HELD_FRAMES)
        if changes.refused:
            log.error("feed.no_room", symbols=len(changes.refused), example=min(changes.refused))
        metrics.STREAMS.set(len(self._sequences))
        metrics.REFUSED.set(len(changes.refused))
        self._run_shards()

    def _run_shards(self) -> None:
        for index, wanted in enumerate(self._assignment.shards):
            needed = index == 0 or bool(wanted)
            if needed and index not in self._shards:
                # The first connection has to be heard before we are ready; a further one is given its time.
                heard_s = -math.inf if index == 0 else time.monotonic()
                shard = Shard(
                    self._settings, self._exchange, self._connects, wanted, self._refusals, self._take, heard_s
                )
                self._shards[index] = shard, self._tasks.create_task(shard.run())
            elif index in self._shards and not needed:
                self._shards.pop(index)[1].cancel()
        for shard, _ in self._shards.values():
            shard.wanted_changed()

    def _take(self, frame: TradeFrame | TickerFrame | Rejected) -> None:
        if isinstance(frame, TradeFrame):
            self._flows["trade"].accept(time.monotonic())
            self._take_trade(frame)
        elif isinstance(frame, TickerFrame):
            self._take_tickers(frame)
        else:
            self._note_rejected(frame)

    def _take_tickers(self, frame: TickerFrame) -> None:
        if frame.rejected is not None:
            self._note_rejected(frame.rejected)
        if not frame.times_ms:
            return
        now_s = time.monotonic()
        self._flows["ticker"].accept(now_s)
        if self._watermarks.advance(frame.times_ms, now_s):
            self._hub.publish_tickers(frame.data)
        else:
            _duplicate_tickers.inc()

    def _note_rejected(self, rejected: Rejected) -> None:
        """Count what cannot be used, remember why for readiness, and name one a minute of each kind and reason."""
        metrics.REJECTED.labels(rejected.kind, rejected.reason).inc(rejected.count)
        if flow := self._flows.get(rejected.kind):
            flow.reject(rejected.example, time.monotonic())
        if self._rejections.permits(f"{rejected.kind} {rejected.reason}"):
            log.warning("feed.rejected", kind=rejected.kind, reason=rejected.reason, example=rejected.example)

    def _take_trade(self, frame: TradeFrame) -> None:
        sequence = self._sequences.get(frame.symbol)
        if sequence is None:
            return  # the last subscriber has left, the exchange has yet to hear of it
        frames = sequence.accept(frame)
        if frames:
            self._hub.publish_trades(frame.symbol, frames)
        if sequence.gap is not None and frame.symbol not in self._fills:
            self._begin_fill(frame.symbol, sequence)

    def _begin_fill(self, symbol: str, sequence: TradeSequence) -> None:
        async def fill() -> None:
            filled = await self._backfill.fill(symbol, sequence, self._take_trade, self._hub.is_congested)
            del self._fills[symbol]
            if not filled:
                self._hub.publish_trades(symbol, sequence.release())

        self._fills[symbol] = self._tasks.create_task(fill())


def _raise_if(problem: str | None) -> None:
    if problem is not None:
        raise NotReadyError(problem)


def _log_set_aside(symbol: str, reason: str, delay_s: float) -> None:
    log.warning("feed.symbol_refused", symbol=symbol, error=reason[:200], retry_after_s=delay_s)
