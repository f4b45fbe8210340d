"""Candles out of minute bars: whole multiples of a minute are summed up, seconds are taken apart.

Row shape: Binance REST, "Kline/Candlestick data".
"""

from collections.abc import Iterable, Iterator

from simulator.bars import Bars
from simulator.decimals import plain
from simulator.history import Bar

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
INTERVALS_MS = {"1s": 1_000} | {name: minutes * 60_000 for name, minutes in MINUTES.items()}

Row = list[int | str]


def klines(bars: Bars, interval: str, start_ms: int | None, end_ms: int, limit: int) -> list[Row]:
    """At most `limit` rows that open within [start_ms, end_ms]: the first ones, or without a start the last ones."""
    span_ms = INTERVALS_MS[interval]
    last_open_ms = min(end_ms, bars.minute * 60_000 + 59_999) // span_ms * span_ms
    first_open_ms = last_open_ms - (limit - 1) * span_ms if start_ms is None else -(-start_ms // span_ms) * span_ms
    listed_ms = -(-bars.listed_minute * 60_000 // span_ms) * span_ms
    first_open_ms = max(first_open_ms, listed_ms)
    last_open_ms = min(last_open_ms, first_open_ms + (limit - 1) * span_ms)
    if interval == "1s":
        return list(_second_rows(bars, first_open_ms, last_open_ms))
    return list(_rows(bars, first_open_ms, last_open_ms, MINUTES[interval]))


def _rows(bars: Bars, first_open_ms: int, last_open_ms: int, minutes: int) -> Iterator[Row]:
    first_minute = first_open_ms // 60_000
    series = bars.between(first_minute, last_open_ms // 60_000 + minutes)
    group: list[Bar] = []
    minute = first_minute
    for bar in series:
        group.append(bar)
        if len(group) == minutes:
            yield _row(minute * 60_000, minutes * 60_000, merge(group))
            minute, group = minute + minutes, []
    if group:
        yield _row(minute * 60_000, minutes * 60_000, merge(group))


def _second_rows(bars: Bars, first_open_ms: int, last_open_ms: int) -> Iterator[Row]:
    first_minute = first_open_ms // 60_000
    for minute, bar in enumerate(bars.between(first_minute, last_open_ms // 60_000 + 1), start=first_minute):
        for second, part in enumerate(seconds_of(bar)):
            open_ms = minute * 60_000 + second * 1_000
            if first_open_ms <= open_ms <= last_open_ms:
                yield _row(open_ms, 1_000, part)


def merge(bars: Iterable[Bar]) -> Bar:
    """One bar over several that follow one another; quiet ones only count where all are quiet."""
    every = list(bars)
    traded = [bar for bar in every if bar.trades] or every
    return Bar(
        traded[0].open,
        max(bar.high for bar in traded),
        min(bar.low for bar in traded),
        traded[-1].close,
        *(sum(bar[field] for bar in every) for field in range(4, 9)),
    )


def seconds_of(bar: Bar) -> Iterator[Bar]:
    """60 bars that merge into `bar` again: open, low, high and close are visited in this order, amounts spread evenly.

    The trades of a past second are not kept; this is as much as the minute still tells about its seconds.
    """
    prices = [bar.open] * 15 + [bar.low] * 15 + [bar.high] * 15 + [bar.close] * 15
    previous = bar.open
    for second, price in enumerate(prices):
        amounts = [_share(bar[field], second) for field in range(4, 9)]
        yield Bar(previous, max(previous, price), min(previous, price), price, *amounts)
        previous = price


def _share(amount: int, second: int) -> int:
    """The part of `amount` that falls on one second of a minute; the 60 parts add up to it exactly."""
    return amount * (second + 1) // 60 - amount * second // 60


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
