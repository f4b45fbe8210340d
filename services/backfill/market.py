"""Redis as the back-fill uses it: what is wanted and what is traded, and how far the filling is."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

import msgspec
from redis.asyncio import Redis

from services.market.fill import FillProgress
from services.market.names import FILL, LAST_PRICES, SYMBOLS, WANTED
from services.market.ranking import RANKING_CURRENCY, volumes_in
from services.market.second_stat import MalformedPriceError, decode_last_price, figure
from services.market.symbols import Listing, decode_listings
from services.market.valuation import Pair
from services.market.wanted import decode_wanted

DEADLINE_S = 5.0
PROGRESS_EXPIRES_S = 60
_UNKNOWN = Decimal(-1)


@dataclass(slots=True)
class Market:
    """Its methods raise RedisError, OSError or TimeoutError when Redis does not answer. Safe to cancel."""

    redis: Redis
    _wanted: list[str] = field(default_factory=list, init=False)

    async def wanted(self) -> list[str]:
        """The symbols that are wanted now; those known last while their writer is away."""
        async with asyncio.timeout(DEADLINE_S):
            document = cast("bytes | None", await self.redis.get(WANTED))
        with suppress(ValueError, RecursionError):
            self._wanted = decode_wanted(document) if document else self._wanted
        return self._wanted

    async def traded(self) -> list[str]:
        """The symbols that are traded now, those with the largest 24 h volume first."""
        async with asyncio.timeout(DEADLINE_S), self.redis.pipeline(transaction=True) as batch:
            batch.get(SYMBOLS)
            batch.hgetall(LAST_PRICES)
            listed, last = await batch.execute()
        try:
            listings = [listing for listing in decode_listings(listed or b"") if listing.tradable]
        except (ValueError, RecursionError):
            return []
        return busiest_first(listings, last)

    async def publish(self, progress: FillProgress) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.redis.set(FILL, msgspec.json.encode(progress), ex=PROGRESS_EXPIRES_S)


def busiest_first(listings: Iterable[Listing], last: Mapping[bytes, bytes]) -> list[str]:
    """The listed symbols by 24 h volume in one currency; those without a known volume last, in order."""
    listings = list(listings)
    volumes = volumes_in(RANKING_CURRENCY, _pairs(listings, last))
    return sorted((listing.symbol for listing in listings), key=lambda symbol: (-volumes.get(symbol, _UNKNOWN), symbol))


def _pairs(listings: Iterable[Listing], last: Mapping[bytes, bytes]) -> Iterator[Pair]:
    for listing in listings:
        try:
            price = decode_last_price(last.get(listing.symbol.encode(), b""), 1)
        except MalformedPriceError:
            continue
        if listing.base and listing.quote:
            yield Pair(listing.symbol, listing.base, listing.quote, price.price, figure(price.quote_volume))
