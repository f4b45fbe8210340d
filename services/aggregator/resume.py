"""Where the mini-tickers go on after a break: the last frame that Kafka has confirmed, and the breaks that lost some.

socket numbers its frames and keeps the last minutes of them. What is confirmed is written to Redis, so that the time
between a killed aggregator and the next one is not lost. What is lost all the same is known: by the numbers, or, if
socket itself is another process than before, by the time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import msgspec
import structlog

from services.aggregator import metrics
from services.aggregator.errors import StoreUnavailableError
from services.market.resume import Break, ResumeState

log = structlog.get_logger()

WRITE_INTERVAL_S = 1.0
LOAD_TRIES = 2
MAX_BREAKS = 100
"""The newest ones are kept."""


class ResumeStore(Protocol):
    """Where the state outlives the process. Both raise StoreUnavailableError."""

    async def resume_state(self) -> ResumeState: ...

    async def write_resume_state(self, state: ResumeState) -> None: ...


class Frame(msgspec.Struct, frozen=True):
    """A frame's place in socket's ring, and when it arrived, in ms."""

    ring: str
    number: int
    receive_ms: int


@dataclass(slots=True)
class Resume:
    """`received` is where a new stream goes on; `confirmed` returns where another process would have to."""

    store: ResumeStore
    confirmed: Callable[[], Frame | None]
    received: Frame | None = None
    breaks: list[Break] = field(default_factory=list)
    _numbered: bool = False
    _loaded: bool = False
    _first: Frame | None = None
    """Where the first stream of this process began, in the ring's order before its first frame."""
    _written: ResumeState | None = None

    @property
    def after(self) -> str | None:
        """What socket is asked to go on after."""
        return f"{self.received.ring}:{self.received.number}" if self.received else None

    async def load(self) -> None:
        """Take over what an earlier process has written. A Redis that is away is not waited for."""
        for _ in range(LOAD_TRIES):
            if await self._load():
                return
            await asyncio.sleep(WRITE_INTERVAL_S)

    def begin(self) -> None:
        """A stream is asked for. Until `opened`, its frames count as not numbered: a twin's are not."""
        self._numbered = False

    def opened(self, position: str | None, now_ms: int) -> None:
        """A stream begins with the frame at `position`, if the peer numbers them."""
        before, first = self.received, _frame(position, now_ms)
        if first is None:
            return
        self._numbered = True
        if before is not None:
            self._compare(before, first, "too_long")
        self._first = self._first or first
        self.received = Frame(first.ring, first.number - 1, before.receive_ms if before else now_ms)

    def took(self, frames: Sequence[bytes], now_ms: int) -> Frame | None:
        """The last of `frames`, which have been taken; None where they are not numbered."""
        if not self._numbered or self.received is None:
            return None
        self.received = Frame(self.received.ring, self.received.number + len(frames), now_ms)
        return self.received

    async def run(self) -> NoReturn:
        """Write what has been confirmed, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_INTERVAL_S)
            await self.write()

    async def write(self) -> None:
        """Write the state, if it has changed. A Redis that refuses or is away will have the next one."""
        frame = self.confirmed()
        if frame is None or not (self._loaded or await self._load()):
            return
        state = ResumeState(frame.ring, frame.number, frame.receive_ms, tuple(self.breaks))
        if state == self._written:
            return
        try:
            await self.store.write_resume_state(state)
        except StoreUnavailableError:
            return
        self._written = state

    async def _load(self) -> bool:
        """Take over what an earlier process has written; False if Redis is away."""
        try:
            state = await self.store.resume_state()
        except StoreUnavailableError:
            return False
        self._loaded = True
        self.breaks = [*state.breaks, *self.breaks][-MAX_BREAKS:]
        before = Frame(state.ring, state.number, state.receive_ms) if state.ring else None
        if self.received is None:
            self.received = before
        elif before is not None and self._first is not None:
            self._compare(before, self._first, "store_away")
        return True

    def _compare(self, before: Frame, first: Frame, reason: str) -> None:
        """Note what is missing between a frame and the first one of a stream; `reason` holds within one ring."""
        if before.ring != first.ring:
            self._note(Break(before.receive_ms, first.receive_ms, None, "socket_restarted"))
        elif first.number > before.number + 1:
            self._note(Break(before.receive_ms, first.receive_ms, first.number - before.number - 1, reason))

    def _note(self, found: Break) -> None:
        self.breaks = [*self.breaks, found][-MAX_BREAKS:]
        metrics.TICKER_BREAKS.labels(found.reason).inc()
        metrics.TICKER_FRAMES_MISSED.inc(found.frames or 0)
        seconds = (found.to_ms - found.from_ms) / 1000
        log.warning("mini_tickers.missed", reason=found.reason, frames=found.frames, seconds=seconds)


def _frame(position: str | None, now_ms: int) -> Frame | None:
    ring, _, number = (position or "").partition(":")
    if not ring or not (number.isascii() and number.isdecimal() and len(number) <= 18):
        return None
    return Frame(ring, int(number), now_ms)
