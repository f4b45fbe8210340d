"""The 24 h volumes by which near matches are ordered, computed on demand and cached."""

import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from services.aggregator.prices import LatestPrices
from services.aggregator.symbols import Directory
from services.market.ranking import RANKING_CURRENCY, volumes_in
from services.market.valuation import Pair

KEPT_S = 10.0


class Volumes:
    """Volumes in one currency, by symbol, of what `latest` holds and the directory lists."""

    def __init__(self, latest: LatestPrices, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._latest = latest
        self._clock_s = clock_s
        self._kept: dict[str, Decimal] = {}
        self._until_s = 0.0

    def __call__(self, directory: Directory) -> Mapping[str, Decimal]:
        now_s = self._clock_s()
        if now_s >= self._until_s:
            self._kept = volumes_in(RANKING_CURRENCY, self._pairs(directory))
            self._until_s = now_s + KEPT_S if self._kept else 0.0
        return self._kept

    def _pairs(self, directory: Directory) -> Iterator[Pair]:
        for quote in self._latest.newest():
            listing = directory.listing(quote.symbol)
            if listing.base and listing.quote and listing.tradable:
                volume = Decimal(quote.day.quote_volume) if quote.day else None
                yield Pair(quote.symbol, listing.base, listing.quote, Decimal(quote.tick.price), volume)
