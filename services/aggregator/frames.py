"""Decoding of the exchange's frames, and the rejection of what cannot be true. No I/O.

Prices stay the decimal text that the exchange wrote: exact, cheap, and converted only where they leave.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from services.exchanges.clock import EARLIEST_MS, MAX_OFFSET_MS, is_time
from services.exchanges.exchange import Exchange
from services.market.decimals import PLAIN_DECIMAL, is_plain_decimal
from services.market.events import AggTrade, MiniTicker
from services.market.symbols import normal_symbol

_EXAMPLE_LENGTH = 60
_PAST_MS = 2 * MAX_OFFSET_MS
"""The exchange's clock may be wrong by half of it."""

_FIVE_DECIMALS = re.compile(" ".join([PLAIN_DECIMAL] * 5))

Entry = TypeVar("Entry", AggTrade, MiniTicker)


class Decoded(NamedTuple, Generic[Entry]):
    """What was accepted, in the order of arrival, and how many entries were refused, by reason.

    Reasons: `malformed` (not the JSON we know, not a symbol, not plain decimal text), `price` (not above zero),
    `time` (an event time that is none in ms), `future` (an event time later than can be), `past` (days behind the
    others).
    """

    accepted: list[Entry]
    refused: Counter[str]
    examples: dict[str, str]
    """By reason, the first entry that was refused for it: its symbol, or the beginning of what cannot be read."""
    typical_ms: int | None
    """The median event time of all that have one, accepted or in the future."""
    payloads: Sequence[bytes] = ()
    """Of the accepted trades, each as it came."""


def decode_trades(
    exchange: Exchange, frames: Iterable[bytes], latest_ms: int, typical_ms: int | None = None
) -> Decoded[AggTrade]:
    """aggTrade frames of `exchange`, one object each, none later than `latest_ms`, nor days before `typical_ms`, the
    time of the market. A bad frame costs only itself."""
    judge, payloads = _Judge[AggTrade](latest_ms, (typical_ms or 0) - _PAST_MS), list[bytes]()
    for frame in frames:
        try:
            trade = exchange.decode_trade(frame)
        except (ValueError, RecursionError):
            judge.refuse("malformed", _excerpt(frame))
            continue
        if judge.take(trade, trade.price):
            payloads.append(frame)
    return judge.decoded()._replace(payloads=payloads)


def decode_mini_tickers(exchange: Exchange, frames: Iterable[bytes], latest_ms: int) -> Decoded[MiniTicker]:
    """miniTicker frames of `exchange`, an array each, none later than `latest_ms`. A bad entry costs only itself; what
    is no array counts as one."""
    judge = _Judge[MiniTicker](latest_ms)
    for frame in frames:
        for ticker in exchange.decode_tickers(frame, judge.refuse_unread):
            judge.take(ticker, ticker.close, _figures_problem(ticker))
    judge.refuse_past()
    return judge.decoded()


class _Judge(Generic[Entry]):
    """Sorts decoded entries into those that can be true and the others."""

    def __init__(self, latest_ms: int, earliest_ms: int = 0) -> None:
        self._latest_ms = latest_ms
        self._earliest_ms = earliest_ms
        self._accepted: list[Entry] = []
        self._times_ms: list[int] = []
        self._refused: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def take(self, entry: Entry, price: str, other_problem: str | None = None) -> bool:
        """Whether `entry` can be true."""
        event_ms = entry.event_ms
        reason = _problem(entry.symbol, price, event_ms, self._latest_ms) or other_problem
        if reason is None and event_ms < self._earliest_ms:
            reason = "past"
        if reason is None:
            self._accepted.append(entry)
            self._times_ms.append(event_ms)
            return True
        self.refuse(reason, _excerpt(entry.symbol.encode(errors="replace")))
        if reason == "future":
            self._times_ms.append(event_ms)
        return False

    def refuse_past(self) -> None:
        """Refuse what is days behind most others: it would be kept as history, of a time that it is not of."""
        times_ms = sorted(entry.event_ms for entry in self._accepted)
        earliest_ms = times_ms[len(times_ms) // 2] - _PAST_MS if times_ms else 0
        if not times_ms or times_ms[0] >= earliest_ms:
            return
        for entry in self._accepted:
            if entry.event_ms < earliest_ms:
                self.refuse("past", _excerpt(entry.symbol.encode(errors="replace")))
        self._accepted = [entry for entry in self._accepted if entry.event_ms >= earliest_ms]

    def refuse_unread(self, data: bytes, _: str) -> None:
        self.refuse("malformed", _excerpt(data))

    def refuse(self, reason: str, example: str) -> None:
        self._refused[reason] += 1
        self._examples.setdefault(reason, example)

    def decoded(self) -> Decoded[Entry]:
        times_ms = sorted(self._times_ms)
        typical_ms = times_ms[len(times_ms) // 2] if times_ms else None
        return Decoded(self._accepted, self._refused, self._examples, typical_ms)


def _excerpt(data: bytes) -> str:
    return data[:_EXAMPLE_LENGTH].decode(errors="replace")


def _problem(symbol: str, price: str, event_ms: int, latest_ms: int) -> str | None:
    if event_ms > latest_ms:
        return "future" if is_time(event_ms) else "time"
    if event_ms < EARLIEST_MS:
        return "time"
    if not is_plain_decimal(price.removeprefix("-")) or normal_symbol(symbol) is None:
        return "malformed"
    if price[0] == "-" or not price.strip("0."):
        return "price"
    return None


def _figures_problem(ticker: MiniTicker) -> str | None:
    figures = f"{ticker.open} {ticker.high} {ticker.low} {ticker.base_volume} {ticker.quote_volume}"
    return None if _FIVE_DECIMALS.fullmatch(figures) else "malformed"
