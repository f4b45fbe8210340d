"""The output of a back-fill for a person: progress while it runs, and a summary of what it did."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from services.backfill.plan import Span, time_text

_LINE_EVERY_S = 5.0
_REDRAW_EVERY_S = 0.2
_MAX_HOLES = 1_000
_SHOWN_HOLES = 5
_WIDTH = 110


@dataclass(slots=True)
class Task:
    """The candles of one symbol and interval, counted: there already, written, and not to be had from the exchange."""

    symbol: str
    span: Span
    present: int = 0
    written: int = 0
    absent: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Where the absent ones are, as [first, end); above a bound they are only counted."""

    @property
    def done(self) -> int:
        return self.present + self.written + self.absent

    def note_hole(self, first: int, end: int) -> None:
        """The candles in [first, end) are absent; holes come in ascending order."""
        self.absent += end - first
        if self.holes and self.holes[-1][1] == first:
            self.holes[-1] = (self.holes[-1][0], end)
        elif len(self.holes) < _MAX_HOLES:
            self.holes.append((first, end))


@dataclass(slots=True)
class Progress:
    """Writes to `stream` how far `tasks` are: one line that is redrawn on a terminal, else a line every few seconds."""

    tasks: list[Task]
    stream: TextIO
    _started_s: float = field(default_factory=time.monotonic)
    _written_s: float = field(default_factory=time.monotonic)

    def advance(self, task: Task) -> None:
        """Report progress of `task`, if a line is due."""
        now_s = time.monotonic()
        if now_s - self._written_s >= (_REDRAW_EVERY_S if self.stream.isatty() else _LINE_EVERY_S):
            self._written_s = now_s
            self._write(progress_text(self.tasks, task, now_s - self._started_s), end="")

    def report(self, text: str) -> None:
        """Write a message on a line of its own, such as the reason of a wait."""
        self._write(text, end="\n")

    def clear(self) -> None:
        """Make room for what others print."""
        if self.stream.isatty():
            self._write("", end="\r")

    def _write(self, text: str, end: str) -> None:
        # One column is left free: a full line would wrap, and could not be drawn again.
        width = min(_WIDTH, shutil.get_terminal_size().columns - 1)
        self.stream.write(f"\r{text[:width]:<{width}}{end}" if self.stream.isatty() else f"{text}\n")
        self.stream.flush()


def progress_text(tasks: Sequence[Task], task: Task, elapsed_s: float) -> str:
    """The progress of all tasks after `elapsed_s`, with the current one named."""
    total, done = sum(len(each.span) for each in tasks), sum(each.done for each in tasks)
    rate = done / max(elapsed_s, 0.001)
    left_s = (total - done) / max(rate, 0.001)
    percent = 100 * done // max(total, 1)
    return (
        f"{task.symbol} {task.span.interval.name}: {percent} % of all, {done:,} of {total:,} candles, {rate:,.0f}/s, "
        f"{_duration(left_s)} left"
    )


def summary(tasks: Sequence[Task]) -> str:
    """For each task, the candles written, present before, and not available from the exchange."""
    lines = [line for task in tasks for line in _lines(task)]
    if all(task.done == len(task.span) and not task.written for task in tasks):
        lines.append("Nothing to fill.")
    return "\n".join(lines)


def _lines(task: Task) -> list[str]:
    span, name = task.span, f"{task.symbol} {task.span.interval.name}"
    if not len(span):
        return [f"{name}: no candle of that time is over yet"]
    counts = f"{task.written:,} written, {task.present:,} there already"
    if task.absent:
        counts += f", {task.absent:,} not at the exchange"
    if left := len(span) - task.done:
        counts += f", {left:,} not reached"
    shown = [f"  nothing at the exchange: {_times(span, hole)}" for hole in task.holes[:_SHOWN_HOLES]]
    if len(task.holes) > _SHOWN_HOLES:
        shown.append("  and in shorter ranges besides")
    return [f"{name}, {_times(span, (span.first, span.end))}: {counts}", *shown]


def _times(span: Span, numbers: tuple[int, int]) -> str:
    first, end = numbers
    return f"{time_text(first * span.interval.length_ms)} – {time_text(end * span.interval.length_ms)}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
