"""The way from frames to prices: each batch is decoded, counted and passed on, in one synchronous step."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from services.aggregator import metrics
from services.aggregator.events import Message, tape_messages
from services.aggregator.frames import Decoded, decode_mini_tickers, decode_trades
from services.aggregator.prices import LatestPrices
from services.common.throttle import Throttle
from services.exchanges.clock import ExchangeClock
from services.exchanges.exchange import Exchange
from services.market.events import MiniTicker
from services.market.names import DEFAULT_SOURCE
from services.market.second_stat import MAX_SOURCE_LENGTH

log = structlog.get_logger()

_CAUSES = {
    "future": "event times are ahead of this machine's clock",
    "time": "event times are not in milliseconds",
    "malformed": "this is not the format that we know",
    "price": "no price is above zero",
}
"""What it means when mini-tickers are refused for a reason of `frames.Decoded`."""

NOTABLE_OFFSET_MS = 60_000
"""A difference between the exchange's clock and ours that is worth a line in the log."""

TickerSink = Callable[[Sequence[MiniTicker], str, int], None]
"""Takes the accepted mini-tickers of a batch, their source, and our clock at their arrival, in ms.

Never blocks, never raises. What it is given is never changed afterwards.
"""
TradeSink = Callable[[Sequence[Message], str, int], None]
"""The same for the accepted trades, as the messages that they become."""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Intake:
    """One price table, filled from any number of streams of one exchange that must all have the same source."""

    def __init__(
        self,
        exchange: Exchange,
        latest: LatestPrices,
        sinks: Sequence[TickerSink] = (),
        tape: TradeSink | None = None,
        on_other_source: Callable[[], None] = lambda: None,
        clock_ms: Callable[[], int] = wall_clock_ms,
        clock_s: Callable[[], float] = time.monotonic,
        default_source: str = DEFAULT_SOURCE,
    ) -> None:
        self._exchange = exchange
        self._latest = latest
        self._on_other_source = on_other_source
        self._sinks = tuple(sinks)
        self._tape = tape
        self._clock_ms = clock_ms
        self._clock_s = clock_s
        self._default_source = default_source
        self._exchange_clock = ExchangeClock(clock_ms(), clock_s())
        self._is_offset = False
        self._typical_ms: int | None = None
        """Of the last mini-tickers: the time of the market."""
        self._throttle = Throttle()
        self.refusal: str | None = None
        """Why nothing of the last mini-tickers was accepted, in one line; None while some are."""

    def open_source(self, source: str | None) -> str:
        """A stream has been opened whose frames come from `source`, None if it is not named; its name as we keep it."""
        source = (source or self._default_source)[:MAX_SOURCE_LENGTH]
        before = self._latest.source
        if source != before:
            self._typical_ms = None
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
        latest_ms = self._exchange_clock.latest_ms(self._clock_s())
        decoded = decode_trades(self._exchange, frames, latest_ms, self._typical_ms)
        decoded.refused["capacity"] += self._latest.apply_trades(decoded.accepted, latest_ms)
        if self._tape is not None and decoded.accepted:
            receive_ms = self._clock_ms()
            self._tape(tape_messages(decoded.accepted, decoded.payloads, source, receive_ms), source, receive_ms)
        metrics.TRADES.inc(len(decoded.accepted))
        self._report("agg_trades", decoded)

    def mini_tickers(self, source: str, frames: Sequence[bytes]) -> bool:
        """miniTicker frames of a stream of `source`. Whether any of what they contain was accepted."""
        metrics.TICKER_FRAMES.inc(len(frames))
        if source != self._latest.source:
            _count_refused("mini_tickers", {"source": len(frames)})
            return False
        receive_ms, now_s = self._clock_ms(), self._clock_s()
        latest_ms = self._exchange_clock.latest_ms(now_s)
        decoded = decode_mini_tickers(self._exchange, frames, latest_ms)
        if decoded.typical_ms is not None:
            self._exchange_clock.observe(decoded.typical_ms, receive_ms, now_s)
            self._note_offset(receive_ms, now_s)
            if decoded.accepted:
                self._typical_ms = decoded.typical_ms
        self._note_refusal(decoded)
        decoded.refused["capacity"] += self._latest.apply_mini_tickers(decoded.accepted, latest_ms)
        self._hand_on(decoded.accepted, source, receive_ms)
        metrics.MINI_TICKERS.inc(len(decoded.accepted))
        self._report("mini_tickers", decoded)
        return bool(decoded.accepted)

    def _note_refusal(self, decoded: Decoded[MiniTicker]) -> None:
        """Log when a whole batch is refused, once, and when that is over. Empty frames count for neither."""
        if decoded.accepted and self.refusal is not None:
            self.refusal = None
            log.info("mini_tickers.accepted_again")
        elif decoded.refused and not decoded.accepted:
            [(reason, _)] = decoded.refused.most_common(1)
            if self.refusal is None:
                log.warning(
                    "mini_tickers.refused", reason=reason, cause=_CAUSES[reason], entries=decoded.refused.total()
                )
            self.refusal = _CAUSES[reason]

    def _note_offset(self, wall_ms: int, now_s: float) -> None:
        """Publish how far the exchange's clock is ahead of ours, and log when that begins or ceases to be notable."""
        ahead_ms = self._exchange_clock.ahead_ms(wall_ms, now_s)
        metrics.EXCHANGE_CLOCK_AHEAD.set(ahead_ms / 1000)
        is_offset = abs(ahead_ms) > NOTABLE_OFFSET_MS
        if is_offset != self._is_offset:
            self._is_offset = is_offset
            log.warning("clock.differs" if is_offset else "clock.agrees", exchange_ahead_s=round(ahead_ms / 1000))

    def _report(self, stream: str, decoded: Decoded[Any]) -> None:
        """Count what was refused, and name one entry a minute for each reason."""
        _count_refused(stream, decoded.refused)
        for reason, example in decoded.examples.items():
            if self._throttle.permits(f"{stream} {reason}"):
                log.warning("entries.refused", stream=stream, reason=reason, example=example)

    def _hand_on(self, tickers: Sequence[MiniTicker], source: str, receive_ms: int) -> None:
        """Every accepted mini-ticker passes here, with the exchange's own decimal texts."""
        for sink in self._sinks:
            sink(tickers, source, receive_ms)


def _count_refused(stream: str, refused: Mapping[str, int]) -> None:
    for reason, number in refused.items():
        if number:
            metrics.REFUSED.labels(stream, reason).inc(number)
