"""Where frames become prices: each batch is decoded, counted and handed on, in one synchronous step."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog

from services.aggregator import metrics
from services.aggregator.frames import decode_mini_tickers, decode_trades
from services.aggregator.prices import LatestPrices
from services.market.events import MiniTicker

log = structlog.get_logger()

MAX_SOURCE_LENGTH = 32

_CAUSES = {
    "future": "event times are ahead of this machine's clock",
    "malformed": "this is not the format that we know",
    "price": "no price is above zero",
}
"""What it means when mini-tickers are refused for a reason of `frames.Decoded`."""

TickerSink = Callable[[Sequence[MiniTicker], str, int], None]
"""Takes the accepted mini-tickers of a batch, their source, and our clock at their arrival, in ms.

Never blocks, never raises. What it is given is never changed afterwards.
"""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Intake:
    """One price table, filled from any number of streams that must all tell of the same source."""

    def __init__(
        self,
        latest: LatestPrices,
        sinks: Sequence[TickerSink] = (),
        on_other_source: Callable[[], None] = lambda: None,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._latest = latest
        self._on_other_source = on_other_source
        self._sinks = tuple(sinks)
        self._clock_ms = clock_ms
        self._refuses_all = False

    def open_source(self, source: str) -> str:
        """A stream has been opened whose frames come from `source`; its name as we keep it."""
        source = source[:MAX_SOURCE_LENGTH]
        before = self._latest.source
        if source != before:
            self._latest.switch_source(source)
            metrics.SOURCE.clear()
            metrics.SOURCE.labels(source).set(1)
            log.info("source.changed", source=source, before=before)
            if before is not None:
                self._on_other_source()
        return source

    def trades(self, source: str, frames: Sequence[bytes]) -> None:
        """aggTrade frames of a stream of `source`."""
        metrics.TRADE_FRAMES.inc(len(frames))
        if source != self._latest.source:
            _count_refused("agg_trades", {"source": len(frames)})
            return
        accepted, refused = decode_trades(frames, self._clock_ms())
        refused["capacity"] += self._latest.apply_trades(accepted)
        metrics.TRADES.inc(len(accepted))
        _count_refused("agg_trades", refused)

    def mini_tickers(self, source: str, frames: Sequence[bytes]) -> bool:
        """miniTicker frames of a stream of `source`. False while nothing that such frames tell is accepted."""
        metrics.TICKER_FRAMES.inc(len(frames))
        if source != self._latest.source:
            _count_refused("mini_tickers", {"source": len(frames)})
            return False
        receive_ms = self._clock_ms()
        accepted, refused = decode_mini_tickers(frames, receive_ms)
        self._log_rejections(len(accepted), refused)
        self._hand_on(accepted, source, receive_ms, refused)
        metrics.MINI_TICKERS.inc(len(accepted))
        _count_refused("mini_tickers", refused)
        return not self._refuses_all

    def _log_rejections(self, accepted: int, refused: Counter[str]) -> None:
        """Log when a whole batch is refused, once, and when that is over. Empty frames say nothing about either."""
        if accepted and self._refuses_all:
            self._refuses_all = False
            log.info("mini_tickers.accepted_again")
        elif refused and not accepted and not self._refuses_all:
            self._refuses_all = True
            [(reason, _)] = refused.most_common(1)
            log.warning("mini_tickers.refused", reason=reason, cause=_CAUSES[reason], entries=refused.total())

    def _hand_on(self, tickers: Sequence[MiniTicker], source: str, receive_ms: int, refused: Counter[str]) -> None:
        """Every accepted mini-ticker passes here, with the exchange's own decimal texts."""
        refused["capacity"] += self._latest.apply_mini_tickers(tickers)
        for sink in self._sinks:
            sink(tickers, source, receive_ms)


def _count_refused(stream: str, refused: Mapping[str, int]) -> None:
    for reason, number in refused.items():
        if number:
            metrics.REFUSED.labels(stream, reason).inc(number)
