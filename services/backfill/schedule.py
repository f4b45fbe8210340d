"""What to fill next, of which symbol, and why. No I/O, no clock: times are handed in, in monotonic seconds.

A symbol that is wanted (followed or recorded) gets its whole history, the newest part first: a gap since the last run
is its newest part. Every listed symbol gets the hours of the last day. Afterwards each comes round again and again, so
that what has been recorded in between becomes exact. Nothing here outlives the process: a step whose candles are exact
costs one look into ClickHouse.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.backfill.plan import INTERVALS, Interval, Span, closed_span
from services.exchanges.clock import EARLIEST_MS

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_1M, _1H, _1D = INTERVALS["1m"], INTERVALS["1h"], INTERVALS["1d"]

ROUND_S = 60.0
ROUND_EACH_S = 3.0
"""How often the newest minutes of a wanted symbol are made exact; with more than 20 of them, so long for each."""
HOURS_S = 300.0
"""How often, at most, its newest hours and days are."""
LISTED_ROUND_S = 3_600.0
"""How often those of every other symbol are: none may differ from the exchange's for two hours."""
REVIEW_S = 6 * 3_600.0
"""How often the whole history of a wanted symbol is looked through again: candles may have been lost, or come late."""
LOOK_BACK_MS = 3 * _HOUR_MS
SHOWN_FIRST = 200
"""So many of the busiest symbols are what pages show: the hours of their last day come before anyone's last month."""


@dataclass(frozen=True, slots=True)
class Step:
    """The candles of `interval` between two ages. The step with the lowest rank comes first."""

    rank: int
    interval: Interval
    oldest_ms: int
    newest_ms: int = 0
    only_present: bool = False
    """Whether only candles that are there, from prices that were seen, are made exact."""

    def span(self, now_ms: int) -> Span:
        """The candles that are meant at `now_ms`, and over by then."""
        return closed_span(self.interval, max(now_ms - self.oldest_ms, EARLIEST_MS), now_ms - self.newest_ms, now_ms)


_EVER_MS = 10**15
_WHOLE = (
    Step(1, _1H, _DAY_MS),
    Step(2, _1M, 2_000 * _MINUTE_MS),
    Step(3, _1H, 366 * _DAY_MS),
    Step(4, _1D, _EVER_MS),
    # Whole pages, so that the next symbol need not wait for a month.
    *(Step(6, _1M, first * _MINUTE_MS, (first - 10_000) * _MINUTE_MS) for first in (12_000, 22_000, 32_000, 42_000)),
    Step(6, _1M, 30 * _DAY_MS, 42_000 * _MINUTE_MS),
)
_MINUTES_ROUND = Step(0, _1M, LOOK_BACK_MS)
_HOURS_ROUND = (Step(0, _1H, LOOK_BACK_MS), Step(0, _1D, LOOK_BACK_MS))
_SHOWN = Step(5, _1H, _DAY_MS)
_LISTED = Step(7, _1H, _DAY_MS)
_CORRECTED = (
    Step(8, _1M, 30 * _DAY_MS, only_present=True),
    Step(8, _1H, 366 * _DAY_MS, only_present=True),
    Step(8, _1D, 366 * _DAY_MS, only_present=True),
)
_CORRECTED_LATELY = (
    Step(8, _1M, _DAY_MS, only_present=True),
    Step(8, _1D, 2 * _DAY_MS, only_present=True),
)


class Job(NamedTuple):
    symbol: str
    step: Step


class Standing(NamedTuple):
    """How far things are: wanted symbols in all and filled, and listed ones whose last day has yet to be filled.

    What was set aside does not count: it is not being worked on.
    """

    wanted: int
    filled: int
    days_left: int
    current: str | None
    pending: dict[str, int]
    """The wanted symbols that are not filled, with the number of steps that each has left."""


@dataclass(slots=True)
class _Entry:
    order: int = 0
    wanted: bool = False
    steps: deque[Step] = field(default_factory=deque)
    doing: Step | None = None
    filled: bool = False
    """Whether its whole history has been, since it is wanted."""
    has_day: bool = False
    """Whether the hours of its last day have been filled."""
    corrected: bool = False
    """Whether candles of its past have been, as those of a symbol that is not wanted."""
    round_s: float | None = None
    """When its last round began, as a wanted symbol."""
    listed_round_s: float | None = None
    """The same as another, whose missing candles stay missing."""
    hours_s: float = 0.0
    reviewed_s: float | None = None
    aside_until_s: float = 0.0

    def change(self) -> None:
        """It is wanted from now on, or no more."""
        self.wanted = not self.wanted
        self.steps.clear()
        if not self.filled:
            self.round_s = None

    def begin_anew(self) -> None:
        """Nothing of it counts as done any more."""
        self.steps.clear()
        self.filled = self.has_day = self.corrected = False
        self.round_s = self.listed_round_s = self.reviewed_s = None


@dataclass(slots=True)
class Schedule:
    """Symbols in lower case. A job that `next` returns must be given to `finish`, `retry` or `set_aside`."""

    listed_round_s: float = LISTED_ROUND_S
    _entries: dict[str, _Entry] = field(default_factory=dict, init=False)
    _wanted: int = field(default=0, init=False)

    def update(self, wanted: Collection[str], listed: Sequence[str]) -> None:
        """Replace what is wanted, and what is traded, the busiest first."""
        orders = dict.fromkeys(wanted, len(listed)) | {symbol: number for number, symbol in enumerate(listed)}
        before = self._entries
        self._entries = {symbol: before.get(symbol) or _Entry() for symbol in orders}
        self._wanted = len(wanted)
        named = frozenset(wanted)
        for symbol, entry in self._entries.items():
            entry.order = orders[symbol]
            if entry.wanted != (symbol in named):
                entry.change()

    def begin_anew(self) -> None:
        """Nothing counts as done any more."""
        for entry in self._entries.values():
            entry.begin_anew()

    def next(self, now_s: float) -> Job | None:
        """The job that comes first now, if there is any."""
        best: tuple[int, int, str] | None = None
        for symbol, entry in self._entries.items():
            if entry.doing or entry.aside_until_s > now_s:
                continue
            self._renew(entry, now_s)
            if entry.steps:
                candidate = (entry.steps[0].rank, entry.order, symbol)
                best = min(best, candidate) if best else candidate
        if best is None:
            return None
        entry = self._entries[best[2]]
        entry.doing = entry.steps[0]
        return Job(best[2], entry.doing)

    def finish(self, job: Job) -> None:
        """The job is done."""
        entry = self._end(job)
        if entry is None or not entry.steps or entry.steps[0] is not job.step:
            return
        entry.steps.popleft()
        entry.aside_until_s = 0.0
        entry.has_day = entry.has_day or job.step.interval is _1H
        if entry.wanted and not entry.steps:
            entry.filled = True

    def retry(self, job: Job) -> None:
        """The job is to be done again."""
        self._end(job)

    def set_aside(self, job: Job, until_s: float) -> None:
        """The job, and all others of its symbol, are to be done later."""
        entry = self._end(job)
        if entry is not None:
            entry.aside_until_s = until_s

    def has_aside(self, now_s: float) -> bool:
        """Whether there would be more to do but for what was set aside."""
        return any(entry.aside_until_s > now_s for entry in self._entries.values())

    def standing(self) -> Standing:
        counted = {symbol: entry for symbol, entry in self._entries.items() if not entry.aside_until_s}
        wanted = {symbol: entry for symbol, entry in counted.items() if entry.wanted}
        pending = {symbol: len(entry.steps) or len(_WHOLE) for symbol, entry in wanted.items() if not entry.filled}
        doing = sorted((entry.doing.rank, symbol) for symbol, entry in self._entries.items() if entry.doing)
        return Standing(
            len(wanted),
            len(wanted) - len(pending),
            sum(not entry.has_day for entry in counted.values()),
            next((symbol for rank, symbol in doing if rank), None),
            pending,
        )

    def _end(self, job: Job) -> _Entry | None:
        entry = self._entries.get(job.symbol)
        if entry is not None:
            entry.doing = None
        return entry

    def _renew(self, entry: _Entry, now_s: float) -> None:
        """Give an entry without steps those that are due."""
        if entry.steps:
            return
        if entry.wanted:
            self._renew_wanted(entry, now_s)
        elif not entry.has_day:
            # The first rounds are spread over their period, and with them all others.
            entry.listed_round_s = now_s - self.listed_round_s * (1 - (entry.order + 1) / (len(self._entries) + 1))
            entry.steps.append(_SHOWN if entry.order < SHOWN_FIRST else _LISTED)
        else:
            self._renew_listed(entry, now_s)

    def _renew_listed(self, entry: _Entry, now_s: float) -> None:
        since_round_s = float("inf") if entry.listed_round_s is None else now_s - entry.listed_round_s
        if since_round_s < self.listed_round_s:
            return
        # What was missed for longer than a round looks back, while the exchange was away, is made exact like the past.
        lately = entry.corrected and since_round_s * 1_000 <= _DAY_MS - _HOUR_MS
        entry.steps.extend((_LISTED, *(_CORRECTED_LATELY if lately else _CORRECTED)))
        entry.listed_round_s, entry.corrected = now_s, True

    def _renew_wanted(self, entry: _Entry, now_s: float) -> None:
        since_round_s = float("inf") if entry.round_s is None else now_s - entry.round_s
        if since_round_s < min(max(ROUND_S, ROUND_EACH_S * self._wanted), LISTED_ROUND_S):
            return
        # What was missed for longer than a round looks back is a gap like any other.
        stale = since_round_s * 1_000 > LOOK_BACK_MS - _HOUR_MS
        entry.filled = entry.filled and not stale
        entry.round_s = now_s
        if not entry.filled or entry.reviewed_s is None or now_s - entry.reviewed_s >= REVIEW_S:
            entry.reviewed_s = entry.hours_s = now_s
            entry.steps.extend(_WHOLE)
            return
        entry.steps.append(_MINUTES_ROUND)
        if now_s - entry.hours_s >= HOURS_S:
            entry.hours_s = now_s
            entry.steps.extend(_HOURS_ROUND)
