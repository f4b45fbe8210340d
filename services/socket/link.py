"""One websocket connection to the exchange: reading, control messages with their acknowledgements, and its watchdog.

A link never repairs itself. It reports why it should be replaced (`over`) and goes on reading for as long as it can;
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
from services.exchanges.exchange import Ack, Event, Exchange, Rejected, ServerShutdown, TickerFrame, TradeFrame
from services.socket import metrics
from services.socket.refusals import Refusals

log = structlog.get_logger()

OnFrame = Callable[[TradeFrame | TickerFrame | Rejected], None]
"""Takes a frame, or what cannot be used of one, at once: it must not block."""

_WATCH_TICKS = 4
_POLICY_VIOLATION = 1008
"""The close code with which the exchange refuses a message and its connection."""

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
        refusals: Refusals,
        on_frame: OnFrame,
    ) -> None:
        self.over: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        """Set once, when this link should be replaced."""
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set once everything wanted has been acknowledged, but for what the exchange refuses."""
        self.wanted_changed = asyncio.Event()
        self.wanted_changed.set()
        self.opened_s = time.monotonic()
        self.last_frame_s = -math.inf
        self.asked: set[str] = set()
        """The symbols whose subscription has been acknowledged."""
        self.is_complete = False
        """Whether `asked` was all that there was to ask for, when that was last compared."""
        self.was_useful = False
        """Whether a frame could be used."""
        self._connection = connection
        self._exchange = exchange
        self._times = times
        self._wanted = wanted
        self._refusals = refusals
        self._on_frame = on_frame
        self._subscribing: frozenset[str] = frozenset()
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
            self._note_closed(connection.close_code, connection.close_reason or "")

    def _note_closed(self, code: int | None, reason: str) -> None:
        """A close in answer to a subscription refuses it; a loss in the middle of one may have been a refusal."""
        if not self._subscribing:
            return
        if code == _POLICY_VIOLATION:
            self._refusals.refused(self._subscribing, f"closed with {code} {reason[:100]}".strip(), time.monotonic())
        else:
            self._refusals.unanswered(self._subscribing, time.monotonic())

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
                self.wanted_changed.clear()
                while self._differs:
                    self.is_complete = False
                    await self._pace()
                    await self._send_next_change()
                self.is_complete = True
                if not self.subscribed.done():
                    self.subscribed.set_result(None)
                await self._until_changed()
        except ControlError as error:
            log.warning("link.control_failed", error=str(error))
            self._end(Reason.CONTROL)
        except ConnectionClosed:
            pass  # the reader sees it too, and reports it

    @property
    def _differs(self) -> bool:
        return self._refusals.askable(self._wanted, time.monotonic()) | (self._wanted & self.asked) != self.asked

    async def _until_changed(self) -> None:
        """Wait for another wanted set, or for the time to ask again for what was refused."""
        due_s = self._refusals.next_attempt_s(self._wanted - self.asked)
        try:
            async with asyncio.timeout(None if due_s is None else max(due_s - time.monotonic(), 0.0)):
                await self.wanted_changed.wait()
        except TimeoutError:
            pass

    async def _pace(self) -> None:
        # Changes that arrive during the pause leave together in the next message.
        await asyncio.sleep(self._next_message_s - time.monotonic())
        self._next_message_s = time.monotonic() + self._exchange.limits.control_interval_s

    async def _send_next_change(self) -> None:
        # Unsubscribing comes first: never more streams on the connection than the exchange allows.
        if unwanted := self.asked - self._wanted:
            symbols = self._fitting(unwanted)
            if error := await self._send("unsubscribe", self._exchange.unsubscribe, symbols):
                raise ControlError(f"unsubscribe was refused: {error}")
            self.asked.difference_update(symbols)
            return
        missing = self._refusals.askable(self._wanted, time.monotonic()) - self.asked
        if group := self._refusals.next_group(missing):
            await self._subscribe(frozenset(self._fitting(group)))

    async def _subscribe(self, symbols: frozenset[str]) -> None:
        self._subscribing = symbols
        try:
            error = await self._send("subscribe", self._exchange.subscribe, sorted(symbols))
        except ControlError:
            self._refusals.unanswered(symbols, time.monotonic())
            raise
        finally:
            self._subscribing = frozenset()
        if error is None:
            self.asked.update(symbols)
            self._refusals.accepted(symbols)
        else:
            log.info("link.subscription_refused", symbols=len(symbols), error=error[:200])
            self._refusals.refused(symbols, error, time.monotonic())

    def _fitting(self, symbols: Set[str]) -> list[str]:
        room_bytes = self._exchange.limits.control_max_bytes - len(self._exchange.subscribe(self._message_id + 1, []))
        fitting: list[str] = []
        for symbol in sorted(symbols):
            room_bytes -= self._exchange.stream_bytes(symbol)
            if fitting and room_bytes < 0:
                break
            fitting.append(symbol)
        return fitting

    async def _send(self, method: str, message: Callable[[int, list[str]], bytes], symbols: list[str]) -> str | None:
        """Send a control message; what the exchange has against it, if anything. Raises `ControlError` for silence."""
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
        metrics.CONTROL_MESSAGES.labels(method, "ok" if error is None else "error").inc()
        return error

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
