"""Updates of documents: the messages of the feed, and all that is read again because of them."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common import revocations
from services.common.batches import Batches
from services.common.revocations import decode_revocation
from services.market import names
from services.profile.access.revocations import read_revoked
from services.profile.live import metrics
from services.profile.live.clients import Audience
from services.profile.live.fanout import Fanout
from services.profile.live.feed import Feed
from services.profile.live.limits import LiveLimits
from services.profile.live.price_messages import PriceMessages
from services.profile.live.prices import read_prices
from services.profile.live.push import CloseCode
from services.profile.live.refresh import Refresher
from services.profile.live.seats import Seats
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
        self._portfolios: Refresher[int] = Refresher(
            "portfolio", self._read_portfolio, timeout_s=limits.load_timeout_s, workers=limits.load_concurrency, batch=1
        )
        self._first_prices: Batches[tuple[str, ...], None] = Batches(self._read_first_prices, timeout_s=5.0)
        self._prices: Refresher[str] = Refresher("prices", self.read_prices, timeout_s=5.0, workers=1, batch=500)
        self._revocations: Refresher[int] = Refresher(
            "revocations", self._read_revocations, timeout_s=5.0, workers=1, batch=200
        )
        self._announcements: Refresher[int] = Refresher("changes", self._announce, timeout_s=5.0, workers=1, batch=500)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """What must run while websockets are served."""
        refreshers = (self._portfolios, self._prices, self._revocations, self._announcements)
        return [self.feed.run(), self._first_prices.run(), *(refresher.run() for refresher in refreshers)]

    def request_portfolios(self, user_ids: Iterable[int]) -> None:
        """Have the portfolios read of those users who have a websocket here."""
        self._portfolios.request(user_id for user_id in user_ids if self._seats.audience(user_id))

    async def announce(self, user_id: int) -> None:
        """Publish that the portfolio has changed; later, if Redis does not answer now."""
        try:
            await self._announce([user_id])
        except (RedisError, OSError):
            self._announcements.request([user_id])

    async def read_prices(self, symbols: Sequence[str]) -> None:
        """Apply the last known prices of `symbols`. Raises RedisError."""
        for symbol, price in (await read_prices(self._redis, symbols)).items():
            self._fanout.apply(symbol, price)

    async def price(self, symbols: Sequence[str]) -> None:
        """As `read_prices`, for many websockets that arrive together. Raises RedisError, OSError. Safe to cancel."""
        await self._first_prices.get(tuple(symbols))

    async def _read_first_prices(self, lists: Sequence[Sequence[str]]) -> list[None]:
        await self.read_prices(list({symbol for symbols in lists for symbol in symbols}))
        return [None] * len(lists)

    def close(self, audience: Audience) -> None:
        """Forget an audience, and the channels that only it needed."""
        self._seats.close(audience)
        self.feed.unfollow(self._fanout.forget(audience))

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
        former = self._fanout.source
        self._fanout.apply(symbol, price, now_s)
        if former is not None and self._fanout.source != former:  # every other price is unknown now
            self._prices.request(self._fanout.symbols)

    def _on_change(self, payload: bytes) -> None:
        try:
            self.request_portfolios([int(payload)])
        except ValueError:
            metrics.MALFORMED.labels("change").inc()

    def _on_revocation(self, payload: bytes) -> None:
        try:
            revocation = decode_revocation(payload)
        except msgspec.DecodeError:
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
                self._prices.request([symbol])

    async def _read_portfolio(self, user_ids: Sequence[int]) -> None:
        for user_id in user_ids:
            audience = self._seats.audience(user_id)
            if audience is None:
                continue
            portfolio = await self._load_portfolio(user_id)
            if self._seats.audience(user_id) is audience:
                self._show(audience, portfolio)

    def _show(self, audience: Audience, portfolio: Portfolio | None) -> None:
        audience.loaded.set()
        if portfolio is None:
            for client in audience.clients:
                client.end(CloseCode.GONE)
            self.close(audience)
            return
        added, dropped = self._fanout.show(audience, portfolio)
        self.feed.unfollow(dropped)
        self.feed.follow(added)
        self._prices.request(added)

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
