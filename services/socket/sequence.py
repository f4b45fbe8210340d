"""Ordering and de-duplication: trades by contiguous id, tickers by event time.

Rules without I/O. Trade ids are contiguous per symbol, so a missing id is a lost trade and a repeated one is the
overlap of two connections. Repetitions come within seconds: even if an exchange's ids or times have jumped, a few
seconds later what it sends counts again.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.exchanges.clock import LATEST_MS
from services.exchanges.exchange import TradeFrame
from services.socket import metrics

REPEATED_WITHIN_S = 5.0
"""A trade that comes twice does so within this time, from two connections or a back-fill."""
TICKER_REPEATED_WITHIN_S = 3.0
MAX_JUMP = 1_000_000
"""A trade further ahead of the newest must be followed by another one near it before it counts."""
MAX_STEP = 1_000
MAX_RECENT_IDS = 128
MAX_SYMBOLS = 50_000
"""Watermarks kept; more symbols than any exchange has start them anew."""

_duplicates = metrics.DUPLICATES.labels("trade")


@dataclass(frozen=True, slots=True)
class Gap:
    """The ids from `first` to `last`, both missing."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@dataclass(slots=True)
class TradeSequence:
    """Trades of one symbol go in as they come and come out in ascending order, each once.

    Trades behind a gap are held until the gap is filled (by `accept`, wherever the missing trades come from) or given
    up (by `release`). The first trade ever seen starts the sequence. An id far ahead or behind starts it anew, once it
    cannot be an error or a repetition.
    """

    max_held: int
    """Trades held behind a gap; one more gives the gap up."""
    last_id: int | None = None
    """The newest trade that came out."""
    last_time_ms: int = 0
    _newest_id: int = 0
    _held: dict[int, TradeFrame] = field(default_factory=dict)
    _advanced_s: float = 0.0
    _far_ahead: TradeFrame | None = None
    _recent_ids: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_RECENT_IDS))

    def accept(self, frame: TradeFrame, now_s: float | None = None) -> Sequence[TradeFrame]:
        """Take one trade at `now_s` (monotonic; by default now); return those that may go out now, in order."""
        now_s = time.monotonic() if now_s is None else now_s
        frames = self._order(frame, now_s)
        if frames:
            self._advanced_s = now_s
            self._recent_ids.extend([frame.trade_id for frame in frames])
        return frames

    def _order(self, frame: TradeFrame, now_s: float) -> Sequence[TradeFrame]:
        if self.last_id is None or frame.trade_id == self.last_id + 1:
            self._advance(frame)
            return self._with_contiguous(frame) if self._held else (frame,)
        if frame.trade_id <= self.last_id:
            return self._behind(frame, now_s)
        if frame.trade_id - self.last_id > MAX_JUMP:
            return self._jump(frame)
        if frame.trade_id in self._held:
            _duplicates.inc()
            return ()
        return self._hold(frame)

    @property
    def gap(self) -> Gap | None:
        """The first run of missing ids, or None while nothing is held."""
        if self.last_id is None or not self._held:
            return None
        return Gap(self.last_id + 1, min(self._held) - 1)

    def lacks(self, trade_id: int) -> bool:
        """Whether this trade is missing here."""
        return (self.last_id is None or trade_id > self.last_id) and trade_id not in self._held

    def release(self) -> Sequence[TradeFrame]:
        """Give up what is missing and return everything held, in order."""
        if self.last_id is None or not self._held:
            return ()
        frames = [self._held[trade_id] for trade_id in sorted(self._held)]
        metrics.LOST.inc(frames[-1].trade_id - self.last_id - len(frames))
        self._held.clear()
        self._advance(frames[-1])
        return frames

    def _hold(self, frame: TradeFrame) -> Sequence[TradeFrame]:
        if frame.trade_id > self._newest_id + 1:
            metrics.GAPS.inc()
        self._newest_id = max(self._newest_id, frame.trade_id)
        self._held[frame.trade_id] = frame
        return self.release() if len(self._held) > self.max_held else ()

    def _with_contiguous(self, frame: TradeFrame) -> Sequence[TradeFrame]:
        frames = [frame]
        while (following := self._held.pop(frames[-1].trade_id + 1, None)) is not None:
            frames.append(following)
        self._advance(frames[-1])
        return frames

    def _behind(self, frame: TradeFrame, now_s: float) -> Sequence[TradeFrame]:
        # A true repetition is no younger than the newest trade, and comes within seconds of it. A lower id with a later
        # time, or long after the newest, means that the exchange counts anew, or that the newest was an error: without
        # this rule the symbol would be silent until the ids had caught up.
        is_late = now_s - self._advanced_s > REPEATED_WITHIN_S and frame.trade_id not in self._recent_ids
        if frame.time_ms <= self.last_time_ms and not is_late:
            _duplicates.inc()
            return ()
        return self._restart(frame)

    def _jump(self, frame: TradeFrame) -> Sequence[TradeFrame]:
        """A lone id far ahead is dropped: it would void all true ones. Two near each other are a new count."""
        first, self._far_ahead = self._far_ahead, frame
        if first is None or not 0 < frame.trade_id - first.trade_id <= MAX_STEP:
            metrics.REJECTED.labels("trade", "sequence").inc()
            return ()
        return self._restart(first, frame)

    def _restart(self, *new: TradeFrame) -> Sequence[TradeFrame]:
        frames = [*self.release(), *new]
        metrics.RESTARTS.inc()
        self._advance(new[-1])
        return frames

    def _advance(self, frame: TradeFrame) -> None:
        self.last_id, self.last_time_ms = frame.trade_id, frame.time_ms
        self._newest_id = self._newest_id if self._held else frame.trade_id
        self._far_ahead = None


@dataclass(slots=True)
class TickerWatermarks:
    """The newest event time of each symbol, and when it came: distinguishes new ticker frames from repeated ones.

    A watermark counts for as long as a repetition may come, so no event time can silence a symbol for longer.
    """

    _newest: dict[str, tuple[int, float]] = field(default_factory=dict)

    def advance(self, times_ms: Mapping[str, int], now_s: float | None = None) -> bool:
        """Note a frame at `now_s` (monotonic; by default now); False if nothing in it is news, as in an empty one."""
        now_s = time.monotonic() if now_s is None else now_s
        expired_s = now_s - TICKER_REPEATED_WITHIN_S
        newest, none = self._newest, (-1, now_s)
        is_news = False
        if len(newest) > MAX_SYMBOLS:
            newest.clear()
        for symbol, time_ms in times_ms.items():
            newest_ms, since_s = newest.get(symbol, none)
            if time_ms < LATEST_MS and (time_ms > newest_ms or (since_s < expired_s and time_ms != newest_ms)):
                newest[symbol] = time_ms, now_s
                is_news = True
        return is_news
