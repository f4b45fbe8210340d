"""What has been seen: trades of one symbol in the order of their ids, and which tickers are news.

Rules without I/O. Trade ids are contiguous per symbol, so a missing id is a lost trade and a repeated one is the
overlap of two connections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.exchanges.exchange import TradeFrame
from services.socket import metrics

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
    up (by `release`). The first trade ever seen starts the sequence.
    """

    max_held: int
    """Trades held behind a gap; one more gives the gap up."""
    last_id: int | None = None
    """The newest trade that came out."""
    last_time_ms: int = 0
    _newest_id: int = 0
    _held: dict[int, TradeFrame] = field(default_factory=dict)

    def accept(self, frame: TradeFrame) -> Sequence[TradeFrame]:
        """Take one trade; return those that may go out now, in order."""
        if self.last_id is None or frame.trade_id == self.last_id + 1:
            self._advance(frame)
            return self._with_contiguous(frame) if self._held else (frame,)
        if frame.trade_id <= self.last_id:
            return self._behind(frame)
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
        """Whether this trade would be news."""
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

    def _behind(self, frame: TradeFrame) -> Sequence[TradeFrame]:
        # A true repetition is no younger than the newest trade. A lower id with a later time means that the
        # exchange counts anew; without this rule the symbol would be silent until the ids had caught up.
        if frame.time_ms <= self.last_time_ms:
            _duplicates.inc()
            return ()
        frames = [*self.release(), frame]
        metrics.RESTARTS.inc()
        self._advance(frame)
        return frames

    def _advance(self, frame: TradeFrame) -> None:
        self.last_id, self.last_time_ms = frame.trade_id, frame.time_ms
        self._newest_id = self._newest_id if self._held else frame.trade_id


@dataclass(slots=True)
class TickerWatermarks:
    """The newest event time of each symbol, to tell a new ticker frame from one that another connection brought."""

    _newest_ms: dict[str, int] = field(default_factory=dict)

    def advance(self, times_ms: Mapping[str, int]) -> bool:
        """Note a frame; False if nothing in it is news. An empty frame is never news."""
        newest = self._newest_ms
        news = [(symbol, time_ms) for symbol, time_ms in times_ms.items() if time_ms > newest.get(symbol, -1)]
        newest.update(news)
        return bool(news)
