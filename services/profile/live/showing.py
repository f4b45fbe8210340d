"""The showing of documents: portfolios and graphs become documents, and what these need is followed and read."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.batches import Batches
from services.market.valuation import Graph
from services.profile.live.clients import Audience
from services.profile.live.document import PortfolioDocument
from services.profile.live.fanout import VIEWERS_PER_TURN, Fanout
from services.profile.live.feed import Feed
from services.profile.live.prices import read_prices
from services.profile.live.push import CloseCode
from services.profile.live.refresh import Refresher
from services.profile.live.seats import Seats
from services.profile.portfolio.rules import Portfolio

PREPARATION_S = 1.0
"""How long a changed document waits for the prices of what is new in it."""


class Showing:
    """Gives audiences their documents. What `work` returns must run meanwhile."""

    def __init__(self, redis: Redis, seats: Seats, fanout: Fanout, feed: Feed) -> None:
        self._redis = redis
        self._seats = seats
        self._fanout = fanout
        self._feed = feed
        self._first_prices: Batches[tuple[str, ...], None] = Batches(self._read_first_prices, timeout_s=5.0)
        self._prices: Refresher[str] = Refresher("prices", self._read_prices, timeout_s=5.0, workers=1, batch=500)
        self.request_prices = self._prices.request
        """Have the last known prices of symbols read, soon."""

    def work(self) -> list[Coroutine[Any, Any, None]]:
        return [self._first_prices.run(), self._prices.run()]

    async def price(self, symbols: Collection[str]) -> None:
        """Read and apply the last known prices of `symbols`, together with others that ask now.

        Raises RedisError, OSError. Safe to cancel.
        """
        await self._first_prices.get(tuple(symbols))

    async def show(self, audience: Audience, portfolio: Portfolio | None) -> None:
        """Show a portfolio that was read just now; None closes the websockets of a profile that is gone."""
        audience.loaded.set()
        if portfolio is None:
            for client in audience.clients:
                client.end(CloseCode.GONE)
            self.close(audience)
            return
        document = self._fanout.market.document(portfolio)
        if audience.document is not None:
            await self._known(self._hold(audience, document.needed()))
        if self._seats.audience(audience.user_id) is audience:
            self._show(audience, document)

    async def adopt(self, graph: Graph) -> None:
        """Value every document along `graph`, once the prices of its paths are there."""
        awaited = set[str]()
        while unpriced := await self._hold_all(graph) - awaited:  # others may have come meanwhile
            awaited |= unpriced
            await self._known(unpriced)
        self._fanout.market.adopt(graph)
        async for audience, document in self._shown():
            self._show(audience, document)

    def close(self, audience: Audience) -> None:
        """Forget an audience, and the channels that only it needed."""
        self._seats.close(audience)
        self._feed.unfollow(self._fanout.forget(audience))

    async def _shown(self) -> AsyncIterator[tuple[Audience, PortfolioDocument]]:
        """The audiences with a document; other tasks get their turns between them."""
        for number, user_id in enumerate(list(self._seats.user_ids)):
            if number % VIEWERS_PER_TURN == 0:
                await asyncio.sleep(0)
            audience = self._seats.audience(user_id)
            if audience is not None and audience.document is not None:
                yield audience, audience.document

    async def _hold_all(self, graph: Graph) -> set[str]:
        """Follow what all documents need along `graph`. Returns the symbols whose prices are not known."""
        unpriced = set[str]()
        async for audience, document in self._shown():
            unpriced.update(self._hold(audience, document.needed_along(graph)))
        return unpriced

    def _hold(self, audience: Audience, needed: frozenset[str]) -> list[str]:
        """Follow what a changed document needs. Returns the symbols whose prices are not known."""
        self._feed.follow(self._fanout.hold(audience, needed))
        return self._fanout.unpriced(needed)

    async def _known(self, unpriced: Collection[str]) -> None:
        """Wait for the prices of a changed document: it is not to show for a moment that they are unknown."""
        if unpriced:
            with suppress(RedisError, OSError):  # they are read again at the subscription
                async with asyncio.timeout(PREPARATION_S):
                    await self.price(unpriced)

    def _show(self, audience: Audience, document: PortfolioDocument) -> None:
        added, dropped = self._fanout.show(audience, document)
        self._feed.unfollow(dropped)
        self._feed.follow(added)
        self._prices.request(added)

    async def _read_prices(self, symbols: Sequence[str]) -> None:
        for symbol, price in (await read_prices(self._redis, symbols)).items():
            self._fanout.apply(symbol, price)

    async def _read_first_prices(self, lists: Sequence[Sequence[str]]) -> list[None]:
        await self._read_prices(list({symbol for symbols in lists for symbol in symbols}))
        return [None] * len(lists)
