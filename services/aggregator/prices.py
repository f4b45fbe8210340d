"""The newest price of every symbol, and which of them are due. No I/O, no clock.

Order: events of a symbol are ordered by (event time, trade id); a mini-ticker's close counts like a trade at its event
time, before the trades of the same millisecond. Only the newest counts, so duplicates and re-ordering change nothing.

An event later than `latest_ms` of the batch that follows it cannot have been true: the next event replaces it.

At a tick, the newest event of a symbol is due if it is not what was last published of it. So a symbol is
published at most once a tick, its price is as fresh as can be, and `t` never goes back but from a time that was wrong.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.exchanges.clock import LATEST_MS
from services.market.events import AggTrade, MiniTicker
from services.market.symbols import normal_symbol

MAX_SYMBOLS = 20_000
"""More symbols than any exchange trades; events of further ones are refused."""

_TICKER_ID = -1


class Tick(NamedTuple):
    """One price at one time. Ticks compare by event time (ms), then trade id; the text only makes the order total."""

    event_ms: int
    trade_id: int
    price: str


class Quote(NamedTuple):
    """A symbol's price, and its newest 24 h figures if a mini-ticker has brought them."""

    symbol: str
    tick: Tick
    day: MiniTicker | None


@dataclass(slots=True)
class _Line:
    newest: Tick
    last_published: Tick | None = None
    day: MiniTicker | None = None

    def take(self, tick: Tick, latest_ms: int) -> None:
        if self.newest.event_ms > latest_ms:
            self.newest, self.last_published = tick, None
        elif tick > self.newest:
            self.newest = tick

    @property
    def is_due(self) -> bool:
        # Older is due too: what was published had a wrong time then, and was confirmed after it had been replaced.
        return self.newest != self.last_published


@dataclass(slots=True)
class LatestPrices:
    """Prices of one source; `switch_source` empties it. Holds at most `MAX_SYMBOLS` lines of constant size."""

    source: str | None = None
    newest_event_ms: int = 0
    _lines: dict[str, _Line] = field(default_factory=dict, init=False)

    @property
    def symbols(self) -> Collection[str]:
        """A live view of the symbols that have a price."""
        return self._lines.keys()

    def switch_source(self, source: str) -> None:
        """From now on prices come from `source`. Prices of two sources never mix."""
        if source != self.source:
            self.source = source
            self.newest_event_ms = 0
            self._lines.clear()

    def apply_trades(self, trades: Iterable[AggTrade], latest_ms: int = LATEST_MS) -> int:
        """Take trades in, none of them later than `latest_ms`; return the number refused at the bound."""
        return sum(not self._add(t.symbol, Tick(t.event_ms, t.trade_id, t.price), latest_ms) for t in trades)

    def apply_mini_tickers(self, tickers: Iterable[MiniTicker], latest_ms: int = LATEST_MS) -> int:
        """Take mini-tickers in, none of them later than `latest_ms`; return the number refused at the bound."""
        refused = 0
        for ticker in tickers:
            line = self._add(ticker.symbol, Tick(ticker.event_ms, _TICKER_ID, ticker.close), latest_ms)
            if line is None:
                refused += 1
            elif line.day is None or not ticker.event_ms <= line.day.event_ms <= latest_ms:
                line.day = ticker
        return refused

    def restore(self, source: str, quotes: Iterable[Quote]) -> None:
        """Take in what an earlier process has published of `source`. No effect if the source has changed since."""
        if source != self.source:
            return
        for quote in quotes:
            line = self._add(quote.symbol, quote.tick, LATEST_MS)
            if line is not None:
                line.last_published = max(line.last_published or quote.tick, quote.tick)
                line.day = line.day or quote.day

    def due(self) -> list[Quote]:
        """What is to be published at this tick. Nothing counts as published before `confirm`."""
        return [Quote(symbol, line.newest, line.day) for symbol, line in self._lines.items() if line.is_due]

    def confirm(self, source: str, quotes: Iterable[Quote]) -> None:
        """`quotes` of `source` have been published. No effect if the source has changed since."""
        if source != self.source:
            return
        for quote in quotes:
            if line := self._lines.get(quote.symbol):
                line.last_published = quote.tick

    def last_published(self) -> list[Quote]:
        """The last published price of every symbol."""
        lines = self._lines.items()
        return [Quote(symbol, line.last_published, line.day) for symbol, line in lines if line.last_published]

    def newest(self) -> list[Quote]:
        """The newest price of every symbol, published or not, by symbol."""
        return [Quote(symbol, line.newest, line.day) for symbol, line in sorted(self._lines.items())]

    def _add(self, exchange_symbol: str, tick: Tick, latest_ms: int) -> _Line | None:
        symbol = normal_symbol(exchange_symbol)
        line = self._lines.get(symbol) if symbol else None
        if line is not None:
            line.take(tick, latest_ms)
        elif symbol is None or len(self._lines) >= MAX_SYMBOLS:
            return None
        else:
            line = self._lines[symbol] = _Line(tick)
        if not tick.event_ms <= self.newest_event_ms <= latest_ms:
            self.newest_event_ms = tick.event_ms
        return line
