"""The exchange itself: its markets, what happened in them, and who receives it. Trades become known here alone."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator import frames
from simulator.archive import Archive
from simulator.errors import InvalidSymbolError
from simulator.faults import Faults
from simulator.hub import Hub
from simulator.journal import Journal, Record
from simulator.market import Market, Trade
from simulator.symbols import Symbol

ALL_TICKERS = "!miniTicker@arr"


@dataclass(slots=True)
class Progress:
    """How far the replay of a recording is. `skipped` are lines that hold no stream event."""

    started: bool = False
    done: bool = False
    events: int = 0
    trades: int = 0
    skipped: int = 0


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Exchange:
    """`replaying` means that trades come from a recording: the market's clock is then that of its last trade."""

    markets: dict[str, Market]
    hub: Hub
    journal: Journal
    archive: Archive
    faults: Faults = field(default_factory=Faults)
    generating: bool = True
    replaying: bool = False
    last_event_ms: int = 0
    published: Counter[str] = field(default_factory=Counter)
    """Journal records so far, by kind."""
    recording: Progress | None = None
    _changed: dict[str, None] = field(default_factory=dict)

    def market(self, symbol: str) -> Market:
        """The market of an upper-case symbol. Raises `InvalidSymbolError`."""
        try:
            return self.markets[symbol]
        except KeyError:
            raise InvalidSymbolError from None

    @property
    def symbols(self) -> list[Symbol]:
        return [market.symbol for market in self.markets.values()]

    def now_ms(self) -> int:
        return self.last_event_ms if self.replaying else wall_clock_ms()

    def invent_trade(self, market: Market) -> Trade:
        """Let the next invented trade happen, and publish it."""
        trade = market.next_trade(wall_clock_ms())
        self._publish(trade)
        return trade

    def trade_at(self, symbol: str, price: int, quantity: int) -> Trade:
        """Let exactly this trade happen, and publish it. Raises `InvalidSymbolError`."""
        trade = self.market(symbol).trade_at(price, quantity, self.now_ms())
        self._publish(trade)
        return trade

    def adopt(self, trade: Trade) -> None:
        """Take over a recorded trade, and publish it. Raises `InvalidSymbolError`."""
        self.market(trade.symbol).adopt(trade)
        self._publish(trade)

    def skip(self, symbol: str, count: int) -> tuple[int, int]:
        """Let `count` trades happen that the stream never shows; REST knows them. Returns the first and last id."""
        market = self.market(symbol)
        first_id = market.next_id
        for _ in range(count):
            trade = market.next_trade(self.now_ms())
            payload = self._keep(trade)
            self._note(Record("skipped", symbol, 0, payload))
        return first_id, market.next_id - 1

    def repeat(self, symbol: str, count: int) -> int:
        """Send the last `count` trades of a symbol once more, as they were. Returns how many there were."""
        market = self.market(symbol)
        payloads = self.archive.last(symbol, count)
        for payload in payloads:
            self.hub.publish(market.trade_stream, payload)
        return len(payloads)

    def publish_tickers(self) -> int:
        """Send the mini-tickers of the symbols that have traded since the last call. Returns how many.

        A symbol whose past day is not summed up yet has its turn later.
        """
        changed = [symbol for symbol in self._changed if self.markets[symbol].has_day]
        if not changed:
            return 0
        payloads = {symbol: frames.mini_ticker(self.markets[symbol].ticker()) for symbol in changed}
        for symbol in changed:
            del self._changed[symbol]
        self.hub.publish(ALL_TICKERS, b"[" + b",".join(payloads.values()) + b"]")
        self._publish_each(payloads.items())
        return len(payloads)

    def _publish_each(self, payloads: Iterable[tuple[str, bytes]]) -> None:
        receivers = self.hub.listeners(ALL_TICKERS)
        for symbol, payload in payloads:
            self.hub.publish(self.markets[symbol].ticker_stream, payload)
            self._note(Record("miniTicker", symbol, receivers, payload))

    def _publish(self, trade: Trade) -> None:
        payload = self._keep(trade)
        receivers = self.hub.publish(self.markets[trade.symbol].trade_stream, payload)
        self._note(Record("aggTrade", trade.symbol, receivers, payload))

    def _note(self, record: Record) -> None:
        self.published[record.kind] += 1
        self.journal.add(record)

    def _keep(self, trade: Trade) -> bytes:
        payload = frames.agg_trade(trade)
        self.archive.add(trade.symbol, trade.id, payload)
        self.last_event_ms = max(self.last_event_ms, trade.event_ms)
        self._changed[trade.symbol] = None
        return payload
