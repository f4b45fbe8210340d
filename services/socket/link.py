"""One websocket connection to the exchange: reading, control messages with their acknowledgements, and its watchdog.

A link never repairs itself. It says why it should be replaced (`over`) and goes on reading for as long as it can;
its shard decides.
"""

import asyncio
import math
import time
from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import Enum

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from services.exchanges.errors import ControlError, MalformedFrameError, UnknownFrameError
from services.exchanges.exchange import Ack, Event, Exchange, ServerShutdown, TickerFrame, TradeFrame
from services.socket import metrics

log = structlog.get_logger()

OnFrame = Callable[[TradeFrame | TickerFrame], None]
"""Takes a frame at once: it must not block."""

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
    ack_timeout_s: float
    life_s: float


class Link:
    """An open connection. Run `serve` in a task; it ends when the connection does."""

    def __init__(
        self,
        connection: ClientConnection,
        exchange: Exchange,
        times: LinkTimes,
        wanted: Set[str],
        on_frame: OnFrame,
    ) -> None:
        self.over: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        """Set once, when this link should be replaced."""
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set once everything wanted has been acknowledged."""
        self.wanted_changed = asyncio.Event()
        self.wanted_changed.set()
        self.opened_s = time.monotonic()
        self.last_frame_s = -math.inf
        self._connection = connection
        self._exchange = exchange
        self._times = times
        self._wanted = wanted
        self._on_frame = on_frame
        self._asked: set[str] = set()
        self._ack: tuple[int, asyncio.Future[str | None]] | None = None
        self._message_id = 0
        self._next_message_s = 0.0
        self._frames = 0

    async def serve(self) -> None:
        """Read until the connection ends; then `over` is set. Raises only what is a bug. Cancelling closes at once."""
        metrics.CONNECTIONS.inc()
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self._control()), tasks.create_task(self._watch())]
                await self._read()
                for helper in helpers:
                    helper.cancel()
        finally:
            metrics.CONNECTIONS.dec()
            self._end(Reason.LOST)
            self._connection.transport.abort()

    async def close(self) -> None:
        """Say goodbye; frames that are still on their way are read. Bounded by the connection's close timeout."""
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

    def _take(self, frame: bytes) -> None:
        try:
            event = self._exchange.parse(frame)
        except MalformedFrameError as error:
            _malformed.inc()
            log.debug("link.malformed_frame", error=str(error))
        except UnknownFrameError as error:
            _unknown.inc()
            log.debug("link.unknown_frame", error=str(error))
        else:
            self._dispatch(event)

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, TradeFrame):
            _trades.inc()
            self._on_frame(event)
        elif isinstance(event, TickerFrame):
            _tickers.inc()
            self._on_frame(event)
        elif isinstance(event, Ack):
            _acks.inc()
            self._acknowledge(event)
        elif isinstance(event, ServerShutdown):
            _shutdowns.inc()
            self._end(Reason.SHUTDOWN)

    def _acknowledge(self, ack: Ack) -> None:
        if self._ack is None:
            return
        message_id, answer = self._ack
        if ack.message_id in (message_id, None) and not answer.done():
            answer.set_result(ack.error)

    async def _control(self) -> None:
        """Bring what the exchange sends to what is wanted, one acknowledged message at a time."""
        try:
            while True:
                await self.wanted_changed.wait()
                self.wanted_changed.clear()
                while self._wanted != self._asked:
                    await self._pace()
                    await self._send_next_change()
                if not self.subscribed.done():
                    self.subscribed.set_result(None)
        except ControlError as error:
            log.warning("link.control_failed", error=str(error))
            self._end(Reason.CONTROL)
        except ConnectionClosed:
            pass  # the reader sees it too, and tells

    async def _pace(self) -> None:
        # Changes that arrive during the pause leave together in the next message.
        await asyncio.sleep(self._next_message_s - time.monotonic())
        self._next_message_s = time.monotonic() + self._exchange.limits.control_interval_s

    async def _send_next_change(self) -> None:
        # Unsubscribing comes first: never more streams on the connection than the exchange allows.
        unwanted = self._asked - self._wanted
        if unwanted:
            symbols = self._fitting(unwanted)
            await self._send("unsubscribe", self._exchange.unsubscribe, symbols)
            self._asked.difference_update(symbols)
        elif missing := self._wanted - self._asked:
            symbols = self._fitting(missing)
            await self._send("subscribe", self._exchange.subscribe, symbols)
            self._asked.update(symbols)

    def _fitting(self, symbols: Set[str]) -> list[str]:
        room_bytes = self._exchange.limits.control_max_bytes - len(self._exchange.subscribe(self._message_id + 1, []))
        fitting: list[str] = []
        for symbol in sorted(symbols):
            room_bytes -= self._exchange.stream_bytes(symbol)
            if fitting and room_bytes < 0:
                break
            fitting.append(symbol)
        return fitting

    async def _send(self, method: str, message: Callable[[int, list[str]], bytes], symbols: list[str]) -> None:
        self._message_id += 1
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._ack = (self._message_id, answer)
        try:
            async with asyncio.timeout(self._times.ack_timeout_s):
                await self._connection.send(message(self._message_id, symbols), text=True)
                error = await answer
        except TimeoutError as late:
            metrics.CONTROL_MESSAGES.labels(method, "timeout").inc()
            raise ControlError(f"{method} was not acknowledged in {self._times.ack_timeout_s:g} s") from late
        finally:
            self._ack = None
        if error is not None:
            metrics.CONTROL_MESSAGES.labels(method, "error").inc()
            raise ControlError(f"{method} was refused: {error}")
        metrics.CONTROL_MESSAGES.labels(method, "ok").inc()

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
