"""Minute bars of one symbol: the live ones as they are traded, before them the invented past, as one unbroken series.

Live bars are kept packed for `RETENTION_MINUTES`, a day: that is what the rolling 24 h window and klines need. A minute
older than that falls back on the past that would have been there.
"""

from collections.abc import Iterator
from copy import deepcopy
from struct import Struct

from simulator.history import Bar, History

RETENTION_MINUTES = 1440
PAST_MINUTES = 90 * 1440
"""The market was listed this long before the simulator started."""

_ROW = Struct("<9q")
_ROW_LIMIT = 2**63 - 1


class Bars:
    """A series that grows at its end. Minutes are counted since 1970; times may stand still but never go back."""

    def __init__(self, history: History, first_live_minute: int) -> None:
        self.history = history
        self.listed_minute = first_live_minute - PAST_MINUTES
        self._base_minute = first_live_minute  # of the first packed row
        self._closed = bytearray()
        self.minute = first_live_minute
        self.current = _quiet(history.price(first_live_minute))

    def trade(self, price: int, quantity: int, quote: int, *, taker_buys: bool) -> None:
        """Count one trade, worth `quote`, into the current minute."""
        bar = self.current if self.current.trades else _quiet(price)
        self.current = Bar(
            bar.open,
            price if price > bar.high else bar.high,
            price if price < bar.low else bar.low,
            price,
            bar.volume + quantity,
            bar.quote_volume + quote,
            bar.trades + 1,
            bar.taker_volume + (quantity if taker_buys else 0),
            bar.taker_quote_volume + (quote if taker_buys else 0),
        )

    def advance(self) -> None:
        """Close the current minute and open the next one, flat at the last price."""
        self._closed += _ROW.pack(*(min(value, _ROW_LIMIT) for value in self.current))
        self.minute += 1
        self.current = _quiet(self.current.close)
        excess = len(self._closed) // _ROW.size - RETENTION_MINUTES
        if excess > 0:
            del self._closed[: excess * _ROW.size]
            self._base_minute += excess

    def restart(self, minute: int) -> None:
        """Jump over a silence longer than the retention to `minute`."""
        self.current = _quiet(self.current.close)
        self._closed = bytearray(_ROW.pack(*self.current) * RETENTION_MINUTES)
        self.minute, self._base_minute = minute, minute - RETENTION_MINUTES

    def snapshot(self) -> "Bars":
        """A copy that stands still, for reading in another thread."""
        return deepcopy(self, {id(self.history): self.history})

    def is_past(self, first_minute: int, end_minute: int) -> bool:
        """Whether [first_minute, end_minute) lies in the invented past alone."""
        return self.listed_minute <= first_minute and end_minute <= self._base_minute

    def between(self, first_minute: int, end_minute: int) -> Iterator[Bar]:
        """The bars of [first_minute, end_minute), cut to what exists: from the listing to the current minute."""
        first_minute, end_minute = max(first_minute, self.listed_minute), min(end_minute, self.minute + 1)
        live_from = max(first_minute, self._base_minute)
        yield from self.history.bars(first_minute, min(end_minute, self._base_minute))
        start = (live_from - self._base_minute) * _ROW.size
        stop = (min(end_minute, self.minute) - self._base_minute) * _ROW.size
        for offset in range(start, stop, _ROW.size):
            yield Bar(*_ROW.unpack_from(self._closed, offset))
        if live_from <= self.minute < end_minute:
            yield self.current


def _quiet(price: int) -> Bar:
    return Bar(price, price, price, price, 0, 0, 0, 0, 0)
