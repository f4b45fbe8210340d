"""Filling of missing candles from the exchange's klines, page by page, each written before the next.

Nothing is remembered between runs: what is exact in ClickHouse is done. So the next run continues one that was
interrupted, and a run with nothing to do asks the exchange for nothing. At most one piece of a span is in memory.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.backfill.klines import KlineSource
from services.backfill.plan import Span, between, next_page, ranges
from services.backfill.report import Progress, Task
from services.backfill.store import CandleStore
from services.market.events import Kline

PIECE_SIZE = 50_000
"""Candles that are looked up in ClickHouse at once."""


@dataclass(frozen=True, slots=True)
class Backfill:
    klines: KlineSource
    store: CandleStore
    progress: Progress

    async def run(self) -> None:
        """Fill all tasks, in order. Raises `BackfillError`; what was written until then stays. Safe to cancel."""
        for task in self.progress.tasks:
            empty_until = task.span.first
            for piece in task.span.pieces(PIECE_SIZE):
                empty_until = await self._fill(task, piece, empty_until)
                self.progress.advance(task)

    async def _fill(self, task: Task, piece: Span, empty_until: int) -> int:
        """Fill what `piece` lacks. The exchange has nothing before `empty_until`; returns that for the next piece."""
        exact = await self.store.exact(task.symbol, piece)
        task.present += len(exact)
        missing = sorted(set(range(piece.first, piece.end)).difference(exact))
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
            await self._take(task, answer.klines, between(missing, first, position))
            self.progress.advance(task)
        return empty_until

    async def _take(self, task: Task, found: list[Kline], wanted: Sequence[int]) -> None:
        """Write those of the klines that are wanted; what is wanted and not among them does not exist."""
        lacking = set(wanted)
        chosen = [kline for kline in found if _number(task, kline) in lacking]
        if chosen:
            await self.store.write(task.symbol, task.span.interval, chosen)
        task.written += len(chosen)
        _note_absent(task, lacking.difference(_number(task, kline) for kline in chosen))

    def _report_rejected(self, task: Task, rejected: Sequence[str]) -> None:
        if rejected:
            name = f"{task.symbol} {task.span.interval.name}"
            self.progress.report(
                f"{name}: {len(rejected)} rows of the exchange cannot be true, the first: {rejected[0]}"
            )


def _number(task: Task, kline: Kline) -> int:
    return kline.open_ms // task.span.interval.length_ms


def _note_absent(task: Task, numbers: Collection[int]) -> None:
    for first, end in ranges(numbers):
        task.note_hole(first, end)
