"""Candles of a second: from the trades themselves while they are kept, otherwise taken out of their minute's bar."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from simulator.bars import Bars
from simulator.decimals import product, scaled
from simulator.history import Bar

SECOND_MS = 1_000


class StoredTrade(msgspec.Struct):
    """What REST shows of a kept trade: the stream's event without `e`, `E` and `s`."""

    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - Binance's name
    T: int
    m: bool
    M: bool


@dataclass(frozen=True, slots=True)
class TradedSeconds:
    """The seconds in which kept trades happened. From `complete_from_ms` on, no trade is missing."""

    bars: dict[int, Bar]
    complete_from_ms: int


def traded_seconds(payloads: Iterable[bytes], first_id: int, start_ms: int) -> TradedSeconds:
    """Sum up kept trades by second; `first_id` is the market's first, so that older ones are known to be missing."""
    seconds: dict[int, Bar] = {}
    complete_from_ms = start_ms
    for number, payload in enumerate(payloads):
        trade = msgspec.json.decode(payload, type=StoredTrade)
        open_ms = trade.T // SECOND_MS * SECOND_MS
        if number == 0 and trade.a != first_id:
            complete_from_ms = open_ms + SECOND_MS
        seconds[open_ms] = _with(seconds.get(open_ms), trade)
    return TradedSeconds(seconds, complete_from_ms)


def second_bars(bars: Bars, traded: TradedSeconds, first_open_ms: int, last_open_ms: int) -> Iterator[tuple[int, Bar]]:
    """The bars of the seconds that open in [first_open_ms, last_open_ms], with their opening times."""
    first_minute = first_open_ms // 60_000
    close = 0
    for minute, bar in enumerate(bars.between(first_minute, last_open_ms // 60_000 + 1), start=first_minute):
        close = close or bar.open
        for second, part in enumerate(seconds_of(bar)):
            open_ms = minute * 60_000 + second * SECOND_MS
            if open_ms >= traded.complete_from_ms:
                part = traded.bars.get(open_ms) or Bar(close, close, close, close, 0, 0, 0, 0, 0)
            close = part.close
            if first_open_ms <= open_ms <= last_open_ms:
                yield open_ms, part


def seconds_of(bar: Bar) -> Iterator[Bar]:
    """60 bars that merge into `bar` again: open, low, high and close are visited in this order, amounts spread evenly.

    It is as much as a minute still shows of its seconds.
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


def _with(bar: Bar | None, trade: StoredTrade) -> Bar:
    price, quantity = scaled(trade.p), scaled(trade.q)
    quote = product(price, quantity)
    taker_part = 0 if trade.m else 1
    before = bar or Bar(price, price, price, price, 0, 0, 0, 0, 0)
    return Bar(
        before.open,
        max(before.high, price),
        min(before.low, price),
        price,
        before.volume + quantity,
        before.quote_volume + quote,
        before.trades + 1,
        before.taker_volume + taker_part * quantity,
        before.taker_quote_volume + taker_part * quote,
    )
