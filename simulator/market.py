"""One market: the rules by which trades come about and are summed up. No I/O and no clock: times are handed in.

A market is deterministic: the same symbol, seed and start give the same prices, quantities and ids, at any times of
the trades. Money is integers scaled by 10^8 throughout.
"""

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simulator.bars import RETENTION_MINUTES, Bars
from simulator.decimals import product
from simulator.history import Bar, History
from simulator.symbols import Symbol

_MINUTE_MS = 60_000
_FIRST_ID_EPOCH_MS = 1_500_000_000_000
_IDS_PER_MS = 10
# Sixteenths of the typical quantity: many small trades and a few large ones, with a mean of about one.
_SIZES = (1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 13, 18, 26, 44, 110)
_UNIT_PARTS = 100_000  # prices move in units of about a hundred-thousandth
_FORGET_AFTER_MINUTES = 2 * RETENTION_MINUTES


class Trade(NamedTuple):
    """An aggregate trade: one taker order that met `last_fill_id - first_fill_id + 1` maker orders."""

    symbol: str
    id: int
    price: int
    quantity: int
    first_fill_id: int
    last_fill_id: int
    time_ms: int
    event_ms: int
    buyer_is_maker: bool


class Ticker(NamedTuple):
    """Rolling 24 h statistics of one symbol."""

    symbol: str
    event_ms: int
    close: int
    open: int
    high: int
    low: int
    volume: int
    quote_volume: int


class Market:
    """The state of one symbol's market: last price, ids, and the rolling day.

    The day slides in whole minutes: the current one and the 1439 before it.
    """

    def __init__(self, symbol: Symbol, seed: int, start_ms: int) -> None:
        self.symbol = symbol
        self.start_ms = start_ms
        self.trade_stream = f"{symbol.name.lower()}@aggTrade"
        self.ticker_stream = f"{symbol.name.lower()}@miniTicker"
        start_minute = start_ms // _MINUTE_MS
        history = History(symbol, seed)
        self.bars = Bars(history, start_minute)
        self.price = self._anchor = history.price(start_minute)
        # Ids grow with the start time, so that a restarted exchange never hands out an id a second time.
        self.first_id = self.next_id = max(start_ms - _FIRST_ID_EPOCH_MS, 0) * _IDS_PER_MS + 1
        self._next_fill_id = 3 * self.next_id
        self._random = random.Random(f"{seed}:{symbol.name}")
        self._unit = max(self._anchor // _UNIT_PARTS // symbol.tick, 1) * symbol.tick
        self._time_ms = start_ms
        self._ticker_ms = 0
        self._day: Day | None = None

    def next_trade(self, time_ms: int) -> Trade:
        """Let one invented trade happen."""
        dice = self._random.getrandbits(48)
        price = self._next_price(dice)
        buyer_is_maker = price < self.price if price != self.price else bool(dice >> 47)
        return self._happen(price, self._quantity(dice >> 24), time_ms, 1 + (dice >> 40) % 3, buyer_is_maker)

    def trade_at(self, price: int, quantity: int, time_ms: int) -> Trade:
        """Let exactly this trade happen, as one fill. The invented ones go on from its price."""
        return self._happen(price, quantity, time_ms, 1, price < self.price)

    def adopt(self, trade: Trade) -> None:
        """Take over a trade that happened elsewhere, ids and times included."""
        self.next_id, self._next_fill_id = trade.id + 1, trade.last_fill_id + 1
        self._count(trade)

    def pass_time(self, time_ms: int) -> None:
        """Let time go by without a trade."""
        if time_ms > self._time_ms:
            self._time_ms = time_ms
            if time_ms // _MINUTE_MS > self.bars.minute:
                self._advance(time_ms // _MINUTE_MS)

    @property
    def has_day(self) -> bool:
        """Whether the rolling day is summed up: the first time costs some milliseconds."""
        return self._day is not None

    def day(self) -> "Day":
        """The rolling day, summed up from its 1440 minutes at the first call."""
        if self._day is None:
            self._day = Day(self.bars)
        return self._day

    def ticker(self) -> Ticker:
        """The rolling day as it stands. `event_ms` is the last trade's, moved on so that no two tickers share one."""
        day = self.day()
        self._ticker_ms = max(self._time_ms, self._ticker_ms + 1)
        opening, high, low, volume, quote_volume = day.summary()
        return Ticker(self.symbol.name, self._ticker_ms, self.price, opening, high, low, volume, quote_volume)

    def _next_price(self, dice: int) -> int:
        if dice & 3 == 0:
            return self.price
        # A pull back to where the market started keeps prices plausible for days: 1 % off moves the odds by a sixth.
        displacement = (self.price - self._anchor) * 1_000_000 // self._anchor
        odds_up = min(max(512 - displacement // 64, 64), 960)
        move = self._unit * (1 + (dice >> 2) % 3)
        up = (dice >> 8) % 1024 < odds_up
        return self.price + move if up or self.price <= move else self.price - move

    def _quantity(self, dice: int) -> int:
        steps = self.symbol.typical_quantity // self.symbol.step
        size = steps * _SIZES[dice & 15] // 16 + (dice >> 4) % (steps // 8 + 1)
        return max(size, 1) * self.symbol.step

    def _happen(self, price: int, quantity: int, time_ms: int, fills: int, buyer_is_maker: bool) -> Trade:  # noqa: FBT001
        time_ms = max(time_ms, self._time_ms)
        first_fill_id = self._next_fill_id
        trade = Trade(
            self.symbol.name,
            self.next_id,
            price,
            quantity,
            first_fill_id,
            first_fill_id + fills - 1,
            time_ms,
            time_ms,
            buyer_is_maker,
        )
        self.next_id += 1
        self._next_fill_id += fills
        self._count(trade)
        return trade

    def _count(self, trade: Trade) -> None:
        self.pass_time(trade.event_ms)
        self.price = trade.price
        quote = product(trade.price, trade.quantity)
        self.bars.trade(trade.price, trade.quantity, quote, taker_buys=not trade.buyer_is_maker)
        if self._day is not None:
            self._day.add(trade.price, trade.quantity, quote)

    def _advance(self, minute: int) -> None:
        if minute - self.bars.minute > _FORGET_AFTER_MINUTES:
            self.bars.restart(minute)
            self._day = Day(self.bars) if self._day else None
        while self.bars.minute < minute:
            self.bars.advance()
            if self._day is not None:
                self._day.slide()


class Day:
    """Sums over the current minute and the 1439 before it, kept up to date by differences."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        window = list(self._window())
        self._volume = sum(bar.volume for bar in window)
        self._quote_volume = sum(bar.quote_volume for bar in window)
        self._oldest = window[0]
        self._high, self._low = self._extremes(window)

    def summary(self) -> tuple[int, int, int, int, int]:
        """open, high, low, volume, quote volume."""
        return self._oldest.open, self._high, self._low, self._volume, self._quote_volume

    def add(self, price: int, quantity: int, quote: int) -> None:
        nothing_else_traded = self._volume == 0
        self._volume += quantity
        self._quote_volume += quote
        self._high = price if nothing_else_traded else max(self._high, price)
        self._low = price if nothing_else_traded else min(self._low, price)

    def slide(self) -> None:
        """Follow `bars` into its next minute."""
        gone, self._oldest = self._oldest, next(self._window())
        self._volume -= gone.volume
        self._quote_volume -= gone.quote_volume
        if gone.trades and (gone.high >= self._high or gone.low <= self._low):
            self._high, self._low = self._extremes(self._window())

    def _extremes(self, window: Iterable[Bar]) -> tuple[int, int]:
        """high, low; a day without a trade has its last price for both."""
        traded = [(bar.high, bar.low) for bar in window if bar.trades]
        if not traded:
            return self._bars.current.close, self._bars.current.close
        return max(high for high, _ in traded), min(low for _, low in traded)

    def _window(self) -> Iterator[Bar]:
        return self._bars.between(self._bars.minute - RETENTION_MINUTES + 1, self._bars.minute + 1)
