"""The past before the simulator started: minute bars as a pure function of seed, symbol and minute.

Prices follow value noise: hashed lattice points, linearly interpolated, summed over several periods. Any minute can be
computed on its own, in integers alone, so nothing is stored and the same seed has the same past in every run.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from simulator.decimals import product
from simulator.symbols import Symbol

_MILLION = 1_000_000
_MASK = (1 << 64) - 1
# (period in minutes, amplitude in millionths of the price)
_OCTAVES = ((20_160, 150_000), (2_880, 40_000), (240, 12_000), (20, 3_000), (1, 400))
_WICK_SPAN = 512  # millionths that a minute's high or low lies beyond its open and close, at most


class Bar(NamedTuple):
    """What happened in one span of time. All amounts scaled by 10^8; `taker_` amounts are those of buying takers."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_volume: int
    taker_quote_volume: int


class History:
    """One symbol's past."""

    def __init__(self, symbol: Symbol, seed: int) -> None:
        self._symbol = symbol
        self._seed = _mix(seed ^ int.from_bytes(symbol.name.encode()[:8].ljust(8), "little"))

    def price(self, minute: int) -> int:
        """The price at the start of `minute` (minutes since 1970): positive and on the tick."""
        return next(self._prices(minute))

    def bars(self, first_minute: int, end_minute: int) -> Iterator[Bar]:
        """The bars of the minutes in [first_minute, end_minute); each opens where the one before it closed."""
        prices = pairwise(self._prices(first_minute))
        for minute, (opening, close) in zip(range(first_minute, end_minute), prices, strict=False):
            yield self._bar(minute, opening, close)

    def _prices(self, first_minute: int) -> Iterator[int]:
        """The prices at the starts of the minutes from `first_minute` on, without end."""
        noises = [self._noise(period, amplitude, first_minute) for period, amplitude in _OCTAVES]
        for values in zip(*noises, strict=True):
            yield self._on_tick(self._symbol.price * (_MILLION + sum(values)) // _MILLION)

    def _bar(self, minute: int, opening: int, close: int) -> Bar:
        dice = _mix(self._seed + 7 * minute)
        top, bottom = max(opening, close), min(opening, close)
        high = self._on_tick(top + top * (dice % _WICK_SPAN) // _MILLION)
        low = self._on_tick(bottom - bottom * (dice // _WICK_SPAN % _WICK_SPAN) // _MILLION)
        trades = int(self._symbol.trades_per_s * 60) * (512 + (dice >> 20) % 1024) // 1024
        step = self._symbol.step
        volume = trades * self._symbol.typical_quantity
        taker_volume = volume * (400 + (dice >> 32) % 224) // 1024 // step * step
        price = (high + low) // 2
        return Bar(
            opening,
            max(high, top),
            min(low, bottom),
            close,
            volume,
            product(price, volume),
            trades,
            taker_volume,
            product(price, taker_volume),
        )

    def _noise(self, period: int, amplitude: int, first_minute: int) -> Iterator[int]:
        """Between -amplitude and amplitude, minute by minute, without end."""
        cell, offset = divmod(first_minute, period)
        here = self._lattice(period, cell, amplitude)
        while True:
            cell += 1
            there = self._lattice(period, cell, amplitude)
            for step in range(offset, period):
                yield here + (there - here) * step // period
            here, offset = there, 0

    def _lattice(self, period: int, cell: int, amplitude: int) -> int:
        return _mix(self._seed + (period << 32) + cell) % (2 * amplitude + 1) - amplitude

    def _on_tick(self, price: int) -> int:
        tick = self._symbol.tick
        return max(price // tick * tick, tick)


def _mix(value: int) -> int:
    """A well-spread 64-bit hash: the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
