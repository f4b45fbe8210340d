"""The subscriptions of one connection: what it has been asked for, brought to what is wanted.

One control message at a time, each acknowledged, within the exchange's limits of size and rate.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Set

import structlog

from services.exchanges.errors import ControlError
from services.exchanges.exchange import Ack, Exchange
from services.socket import metrics
from services.socket.refusals import Refusals

log = structlog.get_logger()

_POLICY_VIOLATION = 1008
"""The close code with which the exchange refuses a message and its connection."""


class Subscriptions:
    """Follows `wanted` (a live set). Run `run` in a task, and pass on each acknowledgement and the connection's close.

    `send` sends a message; `on_asked` is called after each change of `asked`.
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        exchange: Exchange,
        ack_timeout_s: float,
        wanted: Set[str],
        refusals: Refusals,
        on_asked: Callable[[], None],
    ) -> None:
        self.asked: set[str] = set()
        """The symbols whose subscription has been acknowledged."""
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set once everything wanted has been acknowledged, but for what the exchange refuses."""
        self.is_complete = False
        """Whether `asked` was all that there was to ask for, when that was last compared."""
        self.wanted_changed = asyncio.Event()
        self._send_bytes = send
        self._exchange = exchange
        self._ack_timeout_s = ack_timeout_s
        self._wanted = wanted
        self._refusals = refusals
        self._on_asked = on_asked
        self._subscribing: frozenset[str] = frozenset()
        self._ack: tuple[int, asyncio.Future[str | None]] | None = None
        self._message_id = 0
        self._next_message_s = 0.0

    async def run(self) -> None:
        """Keep `asked` at what is wanted. Raises `ControlError`, and what `send` raises. Safe to cancel."""
        while True:
            self.wanted_changed.clear()
            while self._differs:
                self.is_complete = False
                await self._pace()
                await self._send_next_change()
            self.is_complete = True
            if not self.complete.done():
                self.complete.set_result(None)
            await self._until_changed()

    def acknowledge(self, ack: Ack) -> None:
        """Take the exchange's answer to a control message."""
        if self._ack is None:
            return
        message_id, answer = self._ack
        if ack.message_id in (message_id, None) and not answer.done():
            answer.set_result(ack.error)

    def note_closed(self, code: int | None, reason: str) -> None:
        """A close in answer to a subscription refuses it; a loss in the middle of one may have been a refusal."""
        if not self._subscribing:
            return
        if code == _POLICY_VIOLATION:
            self._refusals.refused(self._subscribing, f"closed with {code} {reason[:100]}".strip(), time.monotonic())
        else:
            self._refusals.unanswered(self._subscribing, time.monotonic())

    @property
    def _differs(self) -> bool:
        return self._refusals.askable(self._wanted, time.monotonic()) | (self._wanted & self.asked) != self.asked

    async def _until_changed(self) -> None:
        """Wait for another wanted set, or for the time to ask again for what was refused."""
        # What another connection was refused and this one brings is not asked for again here: its time does not count.
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
            await self._unsubscribe(self._fitting(unwanted))
            return
        missing = self._refusals.askable(self._wanted, time.monotonic()) - self.asked
        if group := self._refusals.next_group(missing):
            await self._subscribe(self._fitting(group))

    async def _unsubscribe(self, symbols: list[str]) -> None:
        if error := await self._send("unsubscribe", self._exchange.unsubscribe, symbols):
            raise ControlError(f"unsubscribe was refused: {error}")
        self.asked.difference_update(symbols)
        self._on_asked()

    async def _subscribe(self, symbols: list[str]) -> None:
        self._subscribing = frozenset(symbols)
        try:
            error = await self._send("subscribe", self._exchange.subscribe, symbols)
        except ControlError:
            self._refusals.unanswered(self._subscribing, time.monotonic())
            raise
        finally:
            self._subscribing = frozenset()
        if error is None:
            self.asked.update(symbols)
            self._refusals.accepted(frozenset(symbols))
            self._on_asked()
        else:
            log.info("link.subscription_refused", symbols=len(symbols), error=error[:200])
            self._refusals.refused(frozenset(symbols), error, time.monotonic())

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
            async with asyncio.timeout(self._ack_timeout_s):
                await self._send_bytes(message(self._message_id, symbols))
                error = await answer
        except TimeoutError as late:
            metrics.CONTROL_MESSAGES.labels(method, "timeout").inc()
            raise ControlError(f"{method} was not acknowledged in {self._ack_timeout_s:g} s") from late
        finally:
            self._ack = None
        metrics.CONTROL_MESSAGES.labels(method, "ok" if error is None else "error").inc()
        return error
