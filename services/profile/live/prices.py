"""Prices as they arrive: SecondStat decoded exactly, and the newest one of each symbol kept."""

import math
import time
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple

from redis.asyncio import Redis

from services.market.decimals import plain
from services.market.names import LAST_PRICES
from services.market.second_stat import MalformedPriceError, decode_second_stat

HELD_S = 5.0
"""So long an event time holds back older ones, for a late message is late by less; and a channel's source the cache."""


class Price(NamedTuple):
    """The last price of a symbol. Make it with `price_of`."""

    price: Decimal
    event_time_ms: int
    source: str
    text: str
    """The price in plain notation, as documents show it."""


def price_of(price: Decimal, event_time_ms: int, source: str) -> Price:
    """A Price without trailing zeros."""
    text = plain(price)
    return Price(Decimal(text), event_time_ms, source, text)


def decode_price(payload: bytes | str) -> Price:
    """The price in a SecondStat, from a channel or from `market:last`. Raises MalformedPriceError.

    A message without a time gets that of its arrival: now.
    """
    stat = decode_second_stat(payload, time.time_ns() // 1_000_000)
    return price_of(stat.price, stat.event_ms, stat.source)


async def read_prices(redis: Redis, symbols: Collection[str]) -> dict[str, Price]:
    """The last known prices of `symbols`, where there is a readable one. Raises RedisError. Safe to cancel."""
    if not symbols:
        return {}
    ordered = list(symbols)
    values = await redis.hmget(LAST_PRICES, ordered)
    return dict(_readable(zip(ordered, values, strict=True)))


def _readable(rows: Iterable[tuple[str, bytes | str | None]]) -> Iterable[tuple[str, Price]]:
    for symbol, value in rows:
        if value is None:
            continue
        try:
            yield symbol, decode_price(value)
        except MalformedPriceError:
            continue


class LatestPrices:
    """The newest price of each symbol in view, and which of them changed since the last look.

    A symbol's price does not go back in event time, unless an older one arrives `HELD_S` after the newer one: that
    one's time was wrong. All prices are of one source: the first price of another source makes every price of the
    former one unknown. The cache alone does not change the source of what channels bring: it may be another
    aggregator's, or be no longer written.
    """

    def __init__(self) -> None:
        self.latest: dict[str, Price] = {}
        self._arrived_s: dict[str, float] = {}
        self._changed: set[str] = set()
        self._source: str | None = None
        self._heard_s = -math.inf
        """When a channel last brought a price of the source."""

    @property
    def source(self) -> str | None:
        """Where the prices come from; None before the first."""
        return self._source

    def apply(self, symbol: str, price: Price, heard_s: float | None = None) -> bool:
        """Take in a price. False if it brings nothing new.

        `heard_s` (monotonic) is when its channel brought it; None if it was read from the cache, which may be behind.
        """
        if price.source != self._source:
            if heard_s is None and time.monotonic() - self._heard_s <= HELD_S:
                return False
            self._forget_all(price.source)
        if heard_s is not None:
            self._heard_s = heard_s
        known = self.latest.get(symbol)
        if known is not None and (price == known or self._is_behind(symbol, price, known, heard_s)):
            return False
        self.latest[symbol] = price
        self._arrived_s[symbol] = time.monotonic() if heard_s is None else heard_s
        self._changed.add(symbol)
        return True

    def forget(self, symbol: str) -> None:
        """Drop the price of `symbol`, which has lost its last viewer."""
        self.latest.pop(symbol, None)
        self._arrived_s.pop(symbol, None)
        self._changed.discard(symbol)

    def take_changes(self) -> set[str]:
        """The symbols whose price changed or became unknown since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def _is_behind(self, symbol: str, price: Price, known: Price, heard_s: float | None) -> bool:
        if price.event_time_ms >= known.event_time_ms:
            return False
        return heard_s is None or heard_s - self._arrived_s[symbol] <= HELD_S

    def _forget_all(self, source: str) -> None:
        self._changed.update(self.latest)
        self.latest.clear()
        self._arrived_s.clear()
        self._source = source
        self._heard_s = -math.inf
