"""The past before the simulator started: minute bars as a pure function of seed, symbol and minute.

Prices follow value noise: hashed lattice points, linearly interpolated, summed over several periods. Any minute can be
computed on its own, in integers alone, so nothing is stored and the same seed has the same past in every run.
"""

from collections.abc import Iterator
from functools import partial
from itertools import count, pairwise
from typing import NamedTuple

from simulator.decimals import product
from simulator.symbols import Symbol

_AT_ONCE = 1_440
"""Minutes that are computed together."""
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


_new_bar = partial(tuple.__new__, Bar)
"""A bar of its nine values, at a third of what a call with names costs."""


class History:
    """One symbol's past."""

    def __init__(self, symbol: Symbol, seed: int) -> None:
        self._symbol = symbol
        self._trades_a_minute = int(symbol.trades_per_s * 60)
        self._seed = _mix(seed ^ int.from_bytes(symbol.name.encode()[:8].ljust(8), "little"))

    def price(self, minute: int) -> int:
        """The price at the start of `minute` (minutes since 1970): positive and on the tick."""
        return self._prices(minute, 1)[0]

    def bars(self, first_minute: int, end_minute: int) -> Iterator[Bar]:
        """The bars of the minutes in [first_minute, end_minute); each opens where the one before it closed."""
        for minute in range(first_minute, end_minute, _AT_ONCE):
            prices = self._prices(minute, min(_AT_ONCE, end_minute - minute) + 1)
            yield from map(self._bar, count(minute), prices, prices[1:])

    def _prices(self, first_minute: int, number: int) -> list[int]:
        """The prices at the starts of `number` minutes from `first_minute` on."""
        noises = [self._noise(period, amplitude, first_minute, number) for period, amplitude in _OCTAVES]
        price, tick = self._symbol.price, self._symbol.tick
        found = [price * (_MILLION + sum(values)) // _MILLION // tick * tick for values in zip(*noises, strict=True)]
        return [max(one, tick) for one in found]

    def _bar(self, minute: int, opening: int, close: int) -> Bar:
        symbol = self._symbol
        tick, step, dice = symbol.tick, symbol.step, _mix(self._seed + 7 * minute)
        top, bottom = (opening, close) if opening > close else (close, opening)
        # The wicks lie beyond the prices, and are on the tick as these are.
        high = (top + top * (dice % _WICK_SPAN) // _MILLION) // tick * tick
        low = (bottom - bottom * (dice // _WICK_SPAN % _WICK_SPAN) // _MILLION) // tick * tick or tick
        trades = self._trades_a_minute * (512 + (dice >> 20) % 1024) // 1024
        volume = trades * symbol.typical_quantity
        taker_volume = volume * (400 + (dice >> 32) % 224) // 1024 // step * step
        price = (high + low) // 2
        quote_volume, taker_quote_volume = product(price, volume), product(price, taker_volume)
        return _new_bar((opening, high, low, close, volume, quote_volume, trades, taker_volume, taker_quote_volume))

    def _noise(self, period: int, amplitude: int, first_minute: int, number: int) -> list[int]:
        """Between -amplitude and amplitude, minute by minute."""
        first, last = first_minute // period, (first_minute + number - 1) // period
        start, span = self._seed + (period << 32), 2 * amplitude + 1
        lattice = [_mix(start + cell) % span - amplitude for cell in range(first, last + 2)]
        noise: list[int] = []
        for cell, (here, there) in enumerate(pairwise(lattice), start=first):
            begin, end = max(first_minute - cell * period, 0), min(first_minute + number - cell * period, period)
            noise += [here + (there - here) * step // period for step in range(begin, end)]
        return noise


def _mix(value: int) -> int:
    """A well-spread 64-bit hash: the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
