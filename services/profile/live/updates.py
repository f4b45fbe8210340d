"""Updates of documents: the messages of the feed, and all that is read again because of them."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common import revocations
from services.common.revocations import decode_revocation
from services.market import names
from services.profile.access.revocations import read_revoked
from services.profile.live import metrics
from services.profile.live.fanout import Fanout
from services.profile.live.feed import Feed
from services.profile.live.limits import LiveLimits
from services.profile.live.listing import ListingReader
from services.profile.live.price_messages import PriceMessages
from services.profile.live.push import CloseCode
from services.profile.live.refresh import Refresher
from services.profile.live.seats import Seats
from services.profile.live.showing import Showing
from services.profile.portfolio.rules import Portfolio

LoadPortfolio = Callable[[int], Awaitable[Portfolio | None]]
"""The portfolio of a user id, or None if there is no such profile. May raise anything; is then tried again."""


class Updates:
    """Brings prices, portfolios and revocations to the fan-out and to the seats that they concern."""

    def __init__(
        self, redis_url: str, redis: Redis, load: LoadPortfolio, seats: Seats, fanout: Fanout, limits: LiveLimits
    ) -> None:
        self._redis = redis
        self._load_portfolio = load
        self._seats = seats
        self._fanout = fanout
        self.price_messages = PriceMessages()
        self.feed = Feed(
            redis_url,
            redis,
            self._on_message,
            self._on_subscribed,
            probe_interval_s=limits.probe_interval_s,
            probe_timeout_s=limits.probe_timeout_s,
        )
        self.feed.follow([revocations.CHANNEL, names.PROFILE_CHANGES])
        self.showing = Showing(redis, seats, fanout, self.feed)
        self._portfolios: Refresher[int] = Refresher(
            "portfolio", self._read_portfolio, timeout_s=limits.load_timeout_s, workers=limits.load_concurrency, batch=1
        )
        self._revocations: Refresher[int] = Refresher(
            "revocations", self._read_revocations, timeout_s=5.0, workers=1, batch=200
        )
        self._announcements: Refresher[int] = Refresher("changes", self._announce, timeout_s=5.0, workers=1, batch=500)
        self._listing = ListingReader(redis, self.showing.adopt, limits.listing_interval_s)

    async def prepare(self) -> None:
        """Know the exchange's listing before the first document, as far as Redis answers. Never raises for Redis."""
        with suppress(RedisError, OSError):
            await self._listing.read()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What must run while websockets are served."""
        refreshers = (self._portfolios, self._revocations, self._announcements)
        work = [self.feed.run(), self._listing.run(), *self.showing.work()]
        return [*work, *(refresher.run() for refresher in refreshers)]

    def request_portfolios(self, user_ids: Iterable[int]) -> None:
        """Have the portfolios read of those users who have a websocket here."""
        self._portfolios.request(user_id for user_id in user_ids if self._seats.audience(user_id))

    async def announce(self, user_id: int) -> None:
        """Publish that the portfolio has changed; later, if Redis does not answer now."""
        try:
            await self._announce([user_id])
        except (RedisError, OSError):
            self._announcements.request([user_id])

    def _on_message(self, channel: str, payload: bytes) -> None:
        match channel:
            case revocations.CHANNEL:
                self._on_revocation(payload)
            case names.PROFILE_CHANGES:
                self._on_change(payload)
            case symbol:
                self._on_price(symbol, payload)

    def _on_price(self, symbol: str, payload: bytes) -> None:
        now_s = time.monotonic()
        price = self.price_messages.read(symbol, payload, now_s)
        if price is None:
            return
        former = self._fanout.market.source
        self._fanout.apply(symbol, price, now_s)
        if former is not None and self._fanout.market.source != former:  # every other price is unknown now
            self.showing.request_prices(self._fanout.symbols)

    def _on_change(self, payload: bytes) -> None:
        try:
            self.request_portfolios([int(payload)])
        except ValueError:
            metrics.MALFORMED.labels("change").inc()

    def _on_revocation(self, payload: bytes) -> None:
        try:
            revocation = decode_revocation(payload)
        except (ValueError, RecursionError):
            metrics.MALFORMED.labels("revocation").inc()
            return
        audience = self._seats.audience(revocation.user_id)
        if audience is None:
            return
        if revocation.session_id is None:
            self._revocations.request([revocation.user_id])  # the key holds the cut-off time
            return
        for client in audience.clients:
            if client.bearer.session_id == revocation.session_id:
                client.end(CloseCode.REVOKED)

    def _on_subscribed(self, channel: str) -> None:
        match channel:
            case revocations.CHANNEL:
                self._revocations.request(self._seats.user_ids)
            case names.PROFILE_CHANGES:
                self._portfolios.request(self._seats.user_ids)
            case symbol:
                self.showing.request_prices([symbol])

    async def _read_portfolio(self, user_ids: Sequence[int]) -> None:
        for user_id in user_ids:
            audience = self._seats.audience(user_id)
            if audience is None:
                continue
            portfolio = await self._load_portfolio(user_id)
            if self._seats.audience(user_id) is audience:
                await self.showing.show(audience, portfolio)

    async def _read_revocations(self, user_ids: Sequence[int]) -> None:
        audiences = [audience for user_id in user_ids if (audience := self._seats.audience(user_id)) is not None]
        clients = [client for audience in audiences for client in audience.clients]
        revoked = set(await read_revoked(self._redis, [client.bearer for client in clients]))
        for client in clients:
            if client.bearer in revoked:
                client.end(CloseCode.REVOKED)

    async def _announce(self, user_ids: Sequence[int]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for user_id in user_ids:
                pipeline.publish(names.PROFILE_CHANGES, user_id)
            await pipeline.execute()
