"""History that fills itself: workers that do the schedule's jobs, and what they do when something is in the way.

A failed job comes again. What concerns every request (the exchange asks us to stay away, refuses this address, does not
answer; ClickHouse does not) makes all workers wait; what concerns one symbol sets that symbol aside.
"""

import asyncio
import time
from dataclasses import dataclass, field

import structlog

from services.backfill import metrics
from services.backfill.errors import (
    AccessDeniedError,
    BackfillError,
    ExchangeError,
    RateLimitedError,
    StorageError,
    TemporarilyUnavailableError,
    UsageError,
)
from services.backfill.filling import Backfill
from services.backfill.klines import KlineSource
from services.backfill.plan import time_text
from services.backfill.report import Task
from services.backfill.schedule import Job, Schedule
from services.backfill.store import CandleStore
from services.common.backoff import Backoff
from services.exchanges.weight import WeightLimit
from services.market.fill import FillProgress

log = structlog.get_logger()

WORKERS = 4
"""Requests at once: with one after the other, the way to the exchange and back would decide how long a fill takes."""
BATCH_ROWS = 10_000
LEAST_S = 1.0
"""The least time to stay away when the exchange asks for it without naming one."""
DENIED_S = 600.0
"""How long to wait after the exchange has refused this address."""
UNKNOWN_S = 3_600.0
"""How long a symbol is left alone that the exchange does not know."""
UNREADABLE_S = 60.0
"""How long one is left alone whose answers cannot be used, or that alone gets none."""
CLOCK_S = 600.0
"""How long the exchange's clock is believed to run on as ours does."""
MAX_STEP_MS = 3_600_000
"""A step of that clock within `CLOCK_S` by more than this means that one of its two readings was wrong."""
_monotonic_s = time.monotonic


@dataclass(slots=True)
class Filler:
    """`run` does the jobs of `schedule`, for ever. Call `wake` after the schedule has changed."""

    klines: KlineSource
    store: CandleStore
    schedule: Schedule
    limit: WeightLimit
    _backfill: Backfill = field(init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _backoff: Backoff = field(default_factory=lambda: Backoff(cap_s=30.0), init=False)
    _paused_until_s: float = field(default=0.0, init=False)
    _obstacle: BackfillError | None = field(default=None, init=False)
    _done: int = field(default=0, init=False)
    """Jobs."""
    _failed: dict[str, int] = field(default_factory=dict, init=False)
    """By symbol that got no answer: how many jobs were done by then."""
    _clock_ms: int = field(default=0, init=False)
    _clock_read_s: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._backfill = Backfill(self.klines, self.store, self, BATCH_ROWS)

    async def run(self) -> None:
        """Work. Safe to cancel: a job that was cut off is done again by the next process."""
        async with asyncio.TaskGroup() as workers:
            for number in range(WORKERS):
                workers.create_task(self._work(), name=f"worker-{number}")

    def wake(self) -> None:
        self._woken.set()

    def progress(self) -> FillProgress:
        """How far it is, for a person."""
        wanted, filled, days_left, current, pending = self.schedule.standing()
        metrics.WANTED.set(wanted)
        metrics.FILLED.set(filled)
        metrics.PAUSED.set(self._obstacle is not None)
        metrics.WEIGHT.set(self.limit.used)
        if (obstacle := self._obstacle) is not None:
            return FillProgress("waiting", wanted, filled, None, obstacle.sentence, pending, _capitalized(obstacle))
        if filled < wanted:
            doing = f"Filling the history of {_counted(wanted - filled)}."
        elif days_left:
            doing = f"Filling the last day of {_counted(days_left)}."
        else:
            return FillProgress("idle", wanted, filled)
        return FillProgress("filling", wanted, filled, current, doing, pending)

    def advance(self, task: Task) -> None:
        """Nothing: candles are counted when a job ends."""

    def report(self, text: str) -> None:
        """What the back-fill reports of the exchange's answers."""
        log.info("fill.report", text=text)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._paused_until_s - _monotonic_s()))
            job = self.schedule.next(_monotonic_s())
            if job is None:
                if not self.schedule.has_aside(_monotonic_s()):
                    self._clear_obstacle()
                self._woken.clear()
                await self._woken.wait()
                continue
            await self._do(job)

    async def _do(self, job: Job) -> None:
        try:
            task = Task(job.symbol.upper(), job.step.span(await self._now_ms()))
            await (self._backfill.correct(task) if job.step.only_present else self._backfill.fill(task))
        except BackfillError as error:
            self._set_back(job, error)
        except BaseException:
            self.schedule.retry(job)
            raise
        else:
            self.schedule.finish(job)
            self._done += 1
            self._failed.pop(job.symbol, None)
            self._clear_obstacle()
            _note(task)

    def _set_back(self, job: Job, error: BackfillError) -> None:
        metrics.SETBACKS.labels(type(error).__name__.removesuffix("Error")).inc()
        if isinstance(error, UsageError):
            self._set_aside(job, error, UNKNOWN_S)
            return
        if self._fails_alone(job, error):
            self._set_aside(job, error, UNREADABLE_S)
            return
        if isinstance(error, ExchangeError) and not isinstance(error, AccessDeniedError):
            self._obstacle = error  # until something succeeds: it may be all that is answered
            self._set_aside(job, error, UNREADABLE_S)
            return
        self.schedule.retry(job)
        if isinstance(error, RateLimitedError):
            self._stay_away(max(error.retry_after_s, LEAST_S), error)
        elif isinstance(error, AccessDeniedError):
            self._stay_away(DENIED_S, error)
        elif self._paused_until_s <= _monotonic_s():  # another worker has not met the same already
            self._pause(self._backoff.next_delay_s(), error)

    def _fails_alone(self, job: Job, error: BackfillError) -> bool:
        """Whether a job gets no answer again while others of this process were done: that is no obstacle to them."""
        if type(error) is not TemporarilyUnavailableError:
            return False
        before = self._failed.pop(job.symbol, self._done)
        if self._done > before:
            return True
        self._failed[job.symbol] = before
        return False

    def _set_aside(self, job: Job, error: BackfillError, wait_s: float) -> None:
        log.warning("fill.symbol_set_aside", symbol=job.symbol, reason=str(error), wait_s=wait_s)
        self.schedule.set_aside(job, _monotonic_s() + wait_s)

    def _stay_away(self, wait_s: float, error: BackfillError) -> None:
        """Send nothing for so long, not even the next page of a job that is under way."""
        # Jobs that meet the block ask for what is left of this wait: that is no longer one.
        if _monotonic_s() + wait_s > self._paused_until_s + LEAST_S:
            self.limit.block(wait_s)
            self._pause(wait_s, error)

    def _clear_obstacle(self) -> None:
        """Something has succeeded, or there is nothing left to do."""
        if self._paused_until_s <= _monotonic_s():
            self._obstacle = None
            self._backoff.reset()

    def _pause(self, wait_s: float, error: BackfillError) -> None:
        """Begin nothing for so long."""
        until_s = _monotonic_s() + wait_s
        if self._obstacle is None or str(error) != str(self._obstacle):
            warn = log.error if isinstance(error, StorageError) else log.warning
            warn("fill.paused", reason=str(error), wait_s=round(wait_s, 1))
        self._paused_until_s, self._obstacle = until_s, error

    async def _now_ms(self) -> int:
        """The exchange's clock."""
        now_s = _monotonic_s()
        if self._clock_read_s is None or now_s - self._clock_read_s >= CLOCK_S:
            before = None if self._clock_read_s is None else self._clock_ms - self._clock_read_s * 1_000
            self._clock_ms = await self.klines.now_ms()
            self._clock_read_s = now_s = _monotonic_s()
            if before is not None and abs(self._clock_ms - now_s * 1_000 - before) > MAX_STEP_MS:
                self.schedule.begin_anew()  # what was done was of another time
        now_ms = self._clock_ms + int((now_s - self._clock_read_s) * 1_000)
        self.klines.note_time(now_ms)
        return now_ms


def _capitalized(error: BackfillError) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


def _counted(symbols: int) -> str:
    return "1 symbol" if symbols == 1 else f"{symbols:,} symbols"


def _note(task: Task) -> None:
    interval = task.span.interval
    metrics.CANDLES.labels(interval.name, "written").inc(task.written)
    metrics.CANDLES.labels(interval.name, "absent").inc(task.absent)
    # What lies before the first candle of all is no hole: most symbols are younger than what is asked for.
    holes = [hole for hole in task.holes if hole[0] != task.span.first]
    if holes:
        first, end = (time_text(number * interval.length_ms) for number in holes[0])
        log.info(
            "fill.not_at_the_exchange",
            symbol=task.symbol,
            interval=interval.name,
            ranges=len(holes),
            first=f"{first} – {end}",
        )
    if task.written:
        log.debug("fill.written", symbol=task.symbol, interval=interval.name, candles=task.written)
