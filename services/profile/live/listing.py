"""The exchange's listing, read from Redis again and again, as a valuation graph."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from time import time_ns
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.market.names import LAST_PRICES, SYMBOLS
from services.market.ranking import RANKING_CURRENCY, volumes_in
from services.market.second_stat import LastPrice, MalformedPriceError, decode_last_price, figure
from services.market.symbols import Listing, decode_listings
from services.market.valuation import Graph, Pair
from services.profile.live import metrics

log = structlog.get_logger()

UNKNOWN_INTERVAL_S = 1.0
"""Between two looks while there is no listing."""


class ListingReader:
    """Hands a new graph to `adopt` when the listing, or the set of symbols with a price, has changed.

    So paths are not chosen anew at each tick. Where there is no listing (the Go original's aggregator), there is no
    graph.
    """

    def __init__(self, redis: Redis, adopt: Callable[[Graph], Awaitable[None]], interval_s: float) -> None:
        self._redis = redis
        self._adopt = adopt
        self._interval_s = interval_s
        self._seen: tuple[bytes, frozenset[bytes]] | None = None

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await asyncio.sleep(UNKNOWN_INTERVAL_S if self._seen is None else self._interval_s)
            try:
                await self.read()
            except (RedisError, OSError) as error:
                log.info("listing.unread", error=type(error).__name__)

    async def read(self) -> None:
        """Read once. Raises RedisError, OSError."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(SYMBOLS)
            pipeline.hkeys(LAST_PRICES)
            document, priced = await pipeline.execute()
        seen = (document, frozenset(priced))
        if document is None or seen == self._seen:
            return
        ordered = list(priced)
        values: Any = await self._redis.hmget(LAST_PRICES, ordered) if ordered else []
        self._seen = seen
        # Thousands of prices to decode: the loop has better to do.
        graph = await asyncio.to_thread(read_graph, document, dict(zip(ordered, values, strict=True)))
        log.info("listing.read", known=graph.known, priced=len(priced))
        metrics.LISTINGS.inc()
        if graph.known:
            await self._adopt(graph)


def read_graph(document: bytes, last: Mapping[bytes, bytes | None]) -> Graph:
    """The graph of `market:symbols` and `market:last`; one that is not known for what is no listing."""
    try:
        listings = decode_listings(document)
    except (ValueError, RecursionError):
        return Graph()
    pairs = list(_legs(listings, last))
    return Graph(listings, pairs, volumes_in(RANKING_CURRENCY, pairs))


def _legs(listings: list[Listing], last: Mapping[bytes, bytes | None]) -> Iterator[Pair]:
    """The pairs that are traded and have a price above 0."""
    for listing in listings:
        price = _last_price(last.get(listing.symbol.encode()))
        if listing.tradable and listing.base and listing.quote and price is not None and price.price > 0:
            yield Pair(listing.symbol, listing.base, listing.quote, price.price, figure(price.quote_volume))


def _last_price(value: bytes | None) -> LastPrice | None:
    try:
        return None if value is None else decode_last_price(value, time_ns() // 1_000_000)
    except MalformedPriceError:
        return None
