"""Candles as REST shows them: whole multiples of a minute summed up from minute bars, and seconds.

Row shape: Binance REST, "Kline/Candlestick data".
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from simulator.bars import Bars
from simulator.decimals import plain
from simulator.history import Bar, History
from simulator.seconds import SECOND_MS, TradedSeconds, second_bars

MINUTES = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}
HOUR = 60
HOURS_KEPT = 50_000
"""Hours of the past that are not computed again: 90 days of 23 symbols, in 25 MB."""
INTERVALS_MS = {"1s": SECOND_MS} | {name: minutes * 60_000 for name, minutes in MINUTES.items()}

Row = list[int | str]


def klines(bars: Bars, interval: str, start_ms: int | None, end_ms: int, limit: int) -> list[Row]:
    """At most `limit` rows that open within [start_ms, end_ms]: the first ones, or without a start the last ones."""
    first_open_ms, last_open_ms = _span(bars, INTERVALS_MS[interval], start_ms, end_ms, limit)
    return list(_rows(bars, first_open_ms, last_open_ms, MINUTES[interval]))


def second_klines(bars: Bars, traded: TradedSeconds, start_ms: int | None, end_ms: int, limit: int) -> list[Row]:
    """The same for seconds."""
    span = _span(bars, SECOND_MS, start_ms, end_ms, limit)
    return [_row(open_ms, SECOND_MS, bar) for open_ms, bar in second_bars(bars, traded, *span)]


def _span(bars: Bars, span_ms: int, start_ms: int | None, end_ms: int, limit: int) -> tuple[int, int]:
    """The first and the last opening time to answer with."""
    last_open_ms = min(end_ms, bars.minute * 60_000 + 59_999) // span_ms * span_ms
    first_open_ms = last_open_ms - (limit - 1) * span_ms if start_ms is None else -(-start_ms // span_ms) * span_ms
    listed_ms = -(-bars.listed_minute * 60_000 // span_ms) * span_ms
    first_open_ms = max(first_open_ms, listed_ms)
    return first_open_ms, min(last_open_ms, first_open_ms + (limit - 1) * span_ms)


def _rows(bars: Bars, first_open_ms: int, last_open_ms: int, minutes: int) -> Iterator[Row]:
    first_minute = first_open_ms // 60_000
    end_minute = last_open_ms // 60_000 + minutes
    unit = HOUR if minutes % HOUR == 0 else 1
    series = _hours(bars, first_minute, end_minute) if unit == HOUR else bars.between(first_minute, end_minute)
    group: list[Bar] = []
    minute = first_minute
    for bar in series:
        group.append(bar)
        if len(group) == minutes // unit:
            yield _row(minute * 60_000, minutes * 60_000, merge(group))
            minute, group = minute + minutes, []
    if group:
        yield _row(minute * 60_000, minutes * 60_000, merge(group))


def _hours(bars: Bars, first_minute: int, end_minute: int) -> Iterator[Bar]:
    """The bars of whole hours and of the one that still forms."""
    for minute in range(first_minute, min(end_minute, bars.minute + 1), HOUR):
        if bars.is_past(minute, minute + HOUR):
            yield _past_hour(bars.history, minute)
        else:
            yield merge(bars.between(minute, minute + HOUR))


@lru_cache(maxsize=HOURS_KEPT)
def _past_hour(history: History, minute: int) -> Bar:
    return merge(history.bars(minute, minute + HOUR))


def merge(bars: Iterable[Bar]) -> Bar:
    """One bar over several that follow one another; quiet ones only count where all are quiet."""
    every = list(bars)
    traded = [bar for bar in every if bar.trades] or every
    opens, highs, lows, closes, *_ = zip(*traded, strict=True)
    _, _, _, _, *amounts = zip(*every, strict=True)
    return Bar(opens[0], max(highs), min(lows), closes[-1], *map(sum, amounts))


def _row(open_ms: int, span_ms: int, bar: Bar) -> Row:
    return [
        open_ms,
        plain(bar.open),
        plain(bar.high),
        plain(bar.low),
        plain(bar.close),
        plain(bar.volume),
        open_ms + span_ms - 1,
        plain(bar.quote_volume),
        bar.trades,
        plain(bar.taker_volume),
        plain(bar.taker_quote_volume),
        "0",
    ]
