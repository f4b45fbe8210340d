"""Filling of missing candles from the exchange's klines, page by page.

Nothing is remembered between runs: what is exact in ClickHouse is done. So the next run continues one that was
interrupted, and a run with nothing to do asks the exchange for nothing. At most one piece of a span is in memory.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.backfill.errors import BackfillError
from services.backfill.klines import KlineSource
from services.backfill.plan import PAGE_SIZE, Span, between, next_page, ranges
from services.backfill.report import Task
from services.backfill.store import CandleStore
from services.market.events import Kline

PIECE_SIZE = 50_000
"""Candles that are looked up in ClickHouse at once."""

Lacking = Callable[[str, Span], Awaitable[Sequence[int]]]
"""The numbers of the candles of a symbol in a span that are to be written, ascending."""


class Reporting(Protocol):
    """Where a back-fill reports to."""

    def advance(self, task: Task) -> None:
        """`task` has gone on."""

    def report(self, text: str) -> None:
        """A sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Backfill:
    klines: KlineSource
    store: CandleStore
    progress: Reporting
    batch_rows: int = PAGE_SIZE
    """Candles that are written at once, and that an end by force may cost. Ten pages at once cost ClickHouse a quarter
    of ten times one."""

    async def fill(self, task: Task) -> None:
        """Write every candle of `task` that is not exact and that the exchange has.

        Raises `BackfillError`; what was written until then stays. Safe to cancel.
        """
        await self._run(task, self.store.missing)

    async def correct(self, task: Task) -> None:
        """The same for those candles alone that are there, and not exact."""
        await self._run(task, self.store.inexact)

    async def _run(self, task: Task, lacking: Lacking) -> None:
        empty_until, batch = task.span.first, _Batch(task, self.store, self.batch_rows)
        try:
            for piece in task.span.pieces(PIECE_SIZE):
                empty_until = await self._fill(task, piece, await lacking(task.symbol, piece), empty_until, batch)
                self.progress.advance(task)
        except BackfillError:
            await batch.flush()  # what the exchange has answered need not be asked for again
            raise
        await batch.flush()

    async def _fill(self, task: Task, piece: Span, missing: Sequence[int], empty_until: int, batch: "_Batch") -> int:
        """Fill what `piece` lacks. The exchange has nothing before `empty_until`; returns that for the next piece."""
        task.present += len(piece) - len(missing)
        position = min(empty_until, piece.end)
        _note_absent(task, between(missing, piece.first, position))
        while (page := next_page(missing, position)) is not None:
            first, count = page
            answer = await self.klines.page(task.symbol, task.span.interval, first, count)
            self._report_rejected(task, answer.rejected)
            known_until = task.span.end if answer.until is None else answer.until
            position = min(known_until, piece.end)
            beyond = (number for kline in answer.klines if (number := _number(task, kline)) >= piece.end)
            empty_until = next(beyond, known_until)
            await self._take(task, answer.klines, between(missing, first, position), batch)
            self.progress.advance(task)
        return empty_until

    async def _take(self, task: Task, found: list[Kline], wanted: Sequence[int], batch: "_Batch") -> None:
        """Write those of the klines that are wanted; what is wanted and not among them does not exist."""
        lacking = set(wanted)
        chosen = [kline for kline in found if _number(task, kline) in lacking]
        await batch.add(chosen)
        _note_absent(task, lacking.difference(_number(task, kline) for kline in chosen))

    def _report_rejected(self, task: Task, rejected: Sequence[str]) -> None:
        if rejected:
            name = f"{task.symbol} {task.span.interval.name}"
            self.progress.report(
                f"{name}: {len(rejected)} rows of the exchange cannot be true, the first: {rejected[0]}"
            )


@dataclass(slots=True)
class _Batch:
    """Candles of `task` that wait to be written together."""

    task: Task
    store: CandleStore
    size: int
    _rows: list[bytes] = field(default_factory=list)
    _count: int = 0

    async def add(self, klines: Sequence[Kline]) -> None:
        """Take klines, and write all once there are enough."""
        if klines:
            self._rows.append(self.store.encode(self.task.symbol, self.task.span.interval, klines))
            self._count += len(klines)
        if self._count >= self.size:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        if not self._rows:
            return
        rows, count, self._rows, self._count = self._rows, self._count, [], 0
        await self.store.insert(self.task.span.interval, rows)
        self.task.written += count


def _number(task: Task, kline: Kline) -> int:
    return kline.open_ms // task.span.interval.length_ms


def _note_absent(task: Task, numbers: Collection[int]) -> None:
    for first, end in ranges(numbers):
        task.note_hole(first, end)
