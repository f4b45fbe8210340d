"""One websocket connection to the exchange: reading, its subscriptions, and its watchdog.

A link never repairs itself. It reports why it should be replaced (`over`) and goes on reading for as long as it can;
its shard decides.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from services.exchanges.errors import ControlError, MalformedFrameError, UnknownFrameError
from services.exchanges.exchange import Ack, Event, Exchange, Rejected, ServerShutdown, TickerFrame, TradeFrame
from services.socket import metrics
from services.socket.subscriptions import Subscriptions

log = structlog.get_logger()

OnFrame = Callable[[TradeFrame | TickerFrame | Rejected], None]
"""Takes a frame, or what cannot be used of one, at once: it must not block."""

_WATCH_TICKS = 4

_trades = metrics.FRAMES.labels("trade")
_tickers = metrics.FRAMES.labels("ticker")
_acks = metrics.FRAMES.labels("ack")
_shutdowns = metrics.FRAMES.labels("shutdown")
_malformed = metrics.FRAMES.labels("malformed")
_unknown = metrics.FRAMES.labels("unknown")


class Reason(Enum):
    """Why a link should be replaced."""

    AGE = "age"
    SHUTDOWN = "shutdown"
    SILENCE = "silence"
    CONTROL = "control"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class LinkTimes:
    silence_s: float
    life_s: float


class Link:
    """An open connection. Run `serve` in a task; it ends when the connection does."""

    def __init__(
        self,
        connection: ClientConnection,
        exchange: Exchange,
        subscriptions: Subscriptions,
        times: LinkTimes,
        on_frame: OnFrame,
    ) -> None:
        self.over: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        """Set once, when this link should be replaced."""
        self.subscriptions = subscriptions
        self.opened_s = time.monotonic()
        self.last_frame_s = -math.inf
        self.was_useful = False
        """Whether a frame could be used."""
        self._connection = connection
        self._exchange = exchange
        self._times = times
        self._on_frame = on_frame
        self._frames = 0

    async def serve(self) -> None:
        """Read until the connection ends; then `over` is set. Raises only what is a bug. Cancelling closes at once."""
        metrics.CONNECTIONS.inc()
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self._subscribe()), tasks.create_task(self._watch())]
                await self._read()
                for helper in helpers:
                    helper.cancel()
        finally:
            metrics.CONNECTIONS.dec()
            self._end(Reason.LOST)
            self._connection.transport.abort()

    async def close(self) -> None:
        """Close the connection; frames still on their way are read. Bounded by the connection's close timeout."""
        await self._connection.close()

    def abort(self) -> None:
        """End the connection now."""
        self._connection.transport.abort()

    def _end(self, reason: Reason) -> None:
        if not self.over.done():
            self.over.set_result(reason)

    async def _read(self) -> None:
        connection = self._connection
        try:
            while True:
                frame = await connection.recv(decode=False)
                self._frames += 1
                self.last_frame_s = time.monotonic()
                self._take(frame)
        except ConnectionClosed as closed:
            log.info("link.closed", close_code=connection.close_code, error=str(closed.__cause__ or closed))
            self.subscriptions.note_closed(connection.close_code, connection.close_reason or "")

    def _take(self, frame: bytes) -> None:
        try:
            event = self._exchange.parse(frame)
        except MalformedFrameError as error:
            _malformed.inc()
            self._on_frame(Rejected(error.kind, error.reason, str(error)))
        except UnknownFrameError as error:
            _unknown.inc()
            log.debug("link.unknown_frame", error=str(error))
        else:
            self._dispatch(event)

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, TradeFrame):
            _trades.inc()
            self.was_useful = True
            self._on_frame(event)
        elif isinstance(event, TickerFrame):
            _tickers.inc()
            self.was_useful |= bool(event.times_ms)
            self._on_frame(event)
        elif isinstance(event, Ack):
            _acks.inc()
            self.subscriptions.acknowledge(event)
        elif isinstance(event, ServerShutdown):
            _shutdowns.inc()
            self._end(Reason.SHUTDOWN)

    async def _subscribe(self) -> None:
        try:
            await self.subscriptions.run()
        except ControlError as error:
            log.warning("link.control_failed", error=str(error))
            self._end(Reason.CONTROL)
        except ConnectionClosed:
            pass  # the reader sees it too, and reports it

    async def _watch(self) -> None:
        """End the link by age, or after several looks at silence (several: a process that slept saw nothing itself)."""
        seen, silent_looks = self._frames, 0
        while silent_looks < _WATCH_TICKS:
            await asyncio.sleep(self._times.silence_s / _WATCH_TICKS)
            silent_looks = silent_looks + 1 if self._frames == seen else 0
            seen = self._frames
            if time.monotonic() - self.opened_s >= self._times.life_s:
                self._end(Reason.AGE)
        self._end(Reason.SILENCE)
        self.abort()
