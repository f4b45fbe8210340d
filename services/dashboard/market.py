"""The market at one instant, as read from Redis: quotes with their exact figures, symbols, movers. No I/O.

A number is the text that the aggregator wrote until it is compared, and the same digits afterwards.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import msgspec

from services.dashboard import metrics
from services.dashboard.symbols import Directory
from services.market.decimals import change, change_percent, plain
from services.market.ranking import RANKING_CURRENCY, volumes_in
from services.market.second_stat import LastPrice, MalformedPriceError, decode_last_price, figure
from services.market.symbols import Listing, decode_listings, normal_symbol
from services.market.valuation import Pair
from services.market_api.parameters import Ranking

WINDOW_MS = 24 * 3600 * 1000
"""Figures of a rolling day are meaningless once their last event is older than that."""


VOLUMES_KEPT_MS = 10_000
"""They order symbols, and cost some ten milliseconds."""


class Quote(NamedTuple):
    """One symbol's last price. `head` and `tail` are its JSON up to its age, and from there on."""

    symbol: str
    source: str
    event_ms: int
    head: bytes
    tail: bytes
    price: Decimal
    opened: Decimal | None
    change_percent: Decimal | None
    quote_volume: Decimal | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known at `time_ms`. `quotes` are in the order of their symbols."""

    source: str
    time_ms: int
    quotes: Mapping[str, Quote]
    directory: Directory

    def current(self, quote: Quote) -> bool:
        """Whether the rolling 24 h figures are still meaningful."""
        return quote.event_ms > self.time_ms - WINDOW_MS

    def movers(self, by: Ranking, quote: str | None, limit: int, min_volume: Decimal) -> list[Quote]:
        """The first `limit` of those that are traded, moved within the last 24 h, and whose figures are known.

        `min_volume` is in the ranking currency; it holds nothing back where the exchange lists no pair with that.
        """
        volumes = self.directory.volumes
        candidates = [
            candidate
            for candidate in self.quotes.values()
            if candidate.change_percent is not None
            and self.current(candidate)
            and self.directory.listings[candidate.symbol].tradable
            and (quote is None or self.directory.quote_is(candidate.symbol, quote))
            and (not volumes or volumes.get(candidate.symbol, _UNKNOWN) >= min_volume)
        ]
        return sorted(candidates, key=partial(_KEYS[by], volumes))[:limit]


@dataclass(slots=True)
class SnapshotReader:
    """Makes snapshots of Redis' values; what has not changed since the last one is not decoded again."""

    _quotes: dict[bytes, tuple[bytes, Quote | None]] = dataclasses.field(default_factory=dict)
    _directory: Directory = dataclasses.field(default_factory=lambda: Directory((), ()))
    _named: tuple[bytes, frozenset[str]] = (b"", frozenset())
    _volumes_ms: int = 0

    def read(self, source: str, last: Mapping[bytes, bytes], symbols: bytes, time_ms: int) -> Snapshot:
        """`last` and `symbols` are the values of `market:last` and `market:symbols` as they came."""
        self._quotes = {name: self._decoded(name, value, time_ms) for name, value in last.items()}
        found = {quote.symbol: quote for _, quote in self._quotes.values() if quote and quote.source == source}
        metrics.UNREADABLE_PRICES.set(len(last) - len(found))
        quotes = dict(sorted(found.items()))
        directory = self._directory_of(symbols, frozenset(quotes))
        if not directory.volumes or time_ms - self._volumes_ms >= VOLUMES_KEPT_MS:
            directory.volumes = volumes_in(RANKING_CURRENCY, _pairs(directory, quotes))
            self._volumes_ms = time_ms
        return Snapshot(source, time_ms, quotes, directory)

    def _decoded(self, name: bytes, value: bytes, time_ms: int) -> tuple[bytes, Quote | None]:
        before = self._quotes.get(name)
        return before if before is not None and before[0] == value else (value, read_quote(value, time_ms))

    def _directory_of(self, symbols: bytes, priced: frozenset[str]) -> Directory:
        named = (symbols, priced)
        if named != self._named:
            self._directory = Directory(read_listings(symbols), priced)
            self._named = named
        return self._directory


def read_quote(value: bytes, time_ms: int) -> Quote | None:
    """A value of `market:last` that was first seen at `time_ms`; None for what cannot be one."""
    try:
        last = decode_last_price(value, time_ms)
    except MalformedPriceError:
        return None
    return _quote(last) if normal_symbol(last.symbol) == last.symbol else None


def read_listings(value: bytes) -> list[Listing]:
    """The value of `market:symbols`; nothing for what cannot be one."""
    try:
        return decode_listings(value)
    except (ValueError, RecursionError):
        return []


def _quote(last: LastPrice) -> Quote:
    opened = figure(last.open)
    changed = change(last.price, opened) if opened is not None else None
    moved = change_percent(changed, opened) if changed is not None and opened is not None else None
    figures = {
        "open_24h": opened,
        "high_24h": figure(last.high),
        "low_24h": figure(last.low),
        "volume_24h": figure(last.base_volume),
        "quote_volume_24h": figure(last.quote_volume),
        "change_24h": changed,
        "change_percent_24h": moved,
    }
    tail = "".join(f',"{name}":{"null" if value is None else plain(value)}' for name, value in figures.items())
    symbol = msgspec.json.encode(last.symbol).decode()
    head = f'{{"symbol":{symbol},"price":{plain(last.price)},"event_time":{last.event_ms},"age_ms":'
    return Quote(
        last.symbol,
        last.source,
        last.event_ms,
        head.encode(),
        tail.encode(),
        last.price,
        opened,
        moved,
        figures["quote_volume_24h"],
    )


def _pairs(directory: Directory, quotes: Mapping[str, Quote]) -> Iterator[Pair]:
    for symbol, quote in quotes.items():
        listing = directory.listings[symbol]
        if listing.base and listing.quote and listing.tradable:
            yield Pair(symbol, listing.base, listing.quote, quote.price, quote.quote_volume)


_UNKNOWN = Decimal(-1)
_KEYS = {
    "gainers": lambda _, quote: (-quote.change_percent, quote.symbol),
    "losers": lambda _, quote: (quote.change_percent, quote.symbol),
    "volume": lambda volumes, quote: (
        -volumes.get(quote.symbol, _UNKNOWN),
        -(quote.quote_volume or 0),
        quote.symbol,
    ),
}
