"""Live portfolios: websockets after authentication, from the first document to the last."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import structlog
from redis.exceptions import RedisError
from starlette.types import Receive, Scope, Send

from services.common.redis import open_redis
from services.market import names
from services.market.second_stat import MalformedPriceError
from services.profile.access.revocations import Bearer, decode_revocation, read_revoked
from services.profile.errors import ApiError, NotFoundError, TooManyError, UnauthenticatedError, UnavailableError
from services.profile.live import metrics
from services.profile.live.clients import Audience, Client
from services.profile.live.fanout import Fanout
from services.profile.live.feed import Feed
from services.profile.live.prices import decode_price, read_prices
from services.profile.live.push import CloseCode, PushProtocol, push_protocol_of
from services.profile.live.refresh import Refresher
from services.profile.portfolio.rules import Portfolio
from services.profile.routes.answers import error_response

log = structlog.get_logger()

CONCURRENT_ADMISSIONS = 32
"""How many new websockets may be busy with Redis at once: its connections are bounded too."""
DRAIN_STEP_S = 0.05
AGE_SPREAD = 0.1
"""By how much of it the greatest age differs between websockets, so that they do not end together."""

LoadPortfolio = Callable[[int], Awaitable[Portfolio | None]]
"""The portfolio of a user id, or None if there is no such profile. May raise anything; is then tried again."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """The bounds of the live engine."""

    max_clients: int = 25_000
    max_clients_per_user: int = 20
    load_timeout_s: float = 5.0
    """One read of a portfolio."""
    load_concurrency: int = 8
    admission_timeout_s: float = 10.0
    """From a websocket's arrival to its first document; beyond, it is refused with 503."""
    stuck_after_s: float = 20.0
    """How long a client may take nothing before it is cut."""
    gather_s: float = 0.01
    """How long a burst of prices is given to arrive whole."""
    probe_interval_s: float = 2.0
    probe_timeout_s: float = 3.0
    drain_s: float = 5.0
    """Over how long the websockets are closed when the process stops: so long do their reconnects spread."""
    max_age_s: float = 12 * 3600.0
    """About when a websocket must connect, and so authenticate, again: no revocation is missed for longer."""


class ConnectionManager:
    """All live websockets of this process."""

    def __init__(self, redis_url: str, load_portfolio: LoadPortfolio, limits: LiveLimits | None = None) -> None:
        self._limits = limits = limits or LiveLimits()
        self._load_portfolio = load_portfolio
        self._redis = open_redis(redis_url)
        self._fanout = Fanout(stuck_after_s=limits.stuck_after_s, gather_s=limits.gather_s)
        self._feed = Feed(
            redis_url,
            self._redis,
            self._on_message,
            self._on_subscribed,
            probe_interval_s=limits.probe_interval_s,
            probe_timeout_s=limits.probe_timeout_s,
        )
        self._feed.follow([names.REVOCATIONS, names.PROFILE_CHANGES])
        self._portfolios: Refresher[int] = Refresher(
            "portfolio", self._read_portfolio, timeout_s=limits.load_timeout_s, workers=limits.load_concurrency, batch=1
        )
        self._prices: Refresher[str] = Refresher("prices", self._read_prices, timeout_s=5.0, workers=1, batch=500)
        self._revocations: Refresher[int] = Refresher(
            "revocations", self._read_revocations, timeout_s=5.0, workers=1, batch=200
        )
        self._announcements: Refresher[int] = Refresher("changes", self._announce, timeout_s=5.0, workers=1, batch=500)
        self._audiences: dict[int, Audience] = {}
        self._clients: set[Client] = set()
        self._admissions = asyncio.Semaphore(CONCURRENT_ADMISSIONS)
        self._draining = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the context is open. A crash inside cancels the body and surfaces as an exception group."""
        work = [
            self._feed.run(),
            self._fanout.run(),
            self._fanout.cut_stuck(),
            self._retire_old(),
            self._portfolios.run(),
            self._prices.run(),
            self._revocations.run(),
            self._announcements.run(),
        ]
        try:
            async with asyncio.TaskGroup() as tasks:
                started = [tasks.create_task(part) for part in work]
                try:
                    yield
                finally:
                    for task in started:
                        task.cancel()
        finally:
            await self._redis.aclose()

    async def serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        user_id: int,
        session_id: str | None,
        issued_at_s: int | None,
        subprotocol: str | None,
    ) -> None:
        """A whole websocket after authentication: accept, first document, changes, until it closes.

        What stands against it is answered over HTTP before it is accepted. Cancelling ends the websocket.
        """
        bearer = Bearer(user_id, session_id, issued_at_s)
        try:
            client = self._seat(push_protocol_of(scope), bearer)
        except ApiError as refusal:
            await error_response(refusal)(scope, receive, send)
            return
        try:
            await self._admit(client)
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
            self._attach(client)
            await _until_closed(receive)
        except ApiError as refusal:
            await error_response(refusal)(scope, receive, send)
        finally:
            self._leave(client)

    async def portfolio_changed(self, user_id: int) -> None:
        """Show the change in every open websocket of that user, here and on every replica. Never raises for Redis.

        Where Redis does not answer, the announcement follows when it does.
        """
        self._request_portfolios([user_id])
        try:
            await self._announce([user_id])
        except (RedisError, OSError):
            self._announcements.request([user_id])

    def symbols(self) -> frozenset[str]:
        """The symbols of all portfolios with an open websocket here."""
        return self._fanout.symbols

    async def check(self) -> None:
        """A readiness check: raises ConnectionError unless the subscription is alive."""
        if not self._feed.alive:
            raise ConnectionError("the Redis subscription is not alive")

    async def drain(self) -> None:
        """Refuse new websockets and close the open ones with 1012, spread over time. Call before the server stops."""
        self._draining = True
        clients = list(self._clients)
        steps = max(1, round(self._limits.drain_s / DRAIN_STEP_S))
        size = max(1, math.ceil(len(clients) / steps))
        for start in range(0, len(clients), size):
            for client in clients[start : start + size]:
                client.end(CloseCode.RESTARTING)
            await asyncio.sleep(DRAIN_STEP_S)

    # A websocket's way in and out

    def _seat(self, socket: PushProtocol, bearer: Bearer) -> Client:
        """A place for a new websocket, known to all changes and revocations from here on. Raises ApiError."""
        if self._draining:
            raise UnavailableError("restarting", "The service is restarting: connect again.")
        if len(self._clients) >= self._limits.max_clients:
            raise UnavailableError("too_many_websockets", "This server holds as many websockets as it can: try again.")
        audience = self._audiences.get(bearer.user_id)
        if audience is None:
            audience = self._audiences[bearer.user_id] = Audience(bearer.user_id)
            self._portfolios.request([bearer.user_id])
        elif len(audience.clients) >= self._limits.max_clients_per_user:
            raise TooManyError("too_many_websockets", "Too many open websockets: close one first.", 10)
        client = Client(socket, bearer, audience, self._draw_end_s())
        audience.clients.add(client)
        self._clients.add(client)
        return client

    async def _admit(self, client: Client) -> None:
        """Wait for all that the first document needs. Raises ApiError."""
        try:
            async with asyncio.timeout(self._limits.admission_timeout_s), self._admissions:
                await self._look_up(client)
        except (TimeoutError, RedisError, OSError) as error:
            raise UnavailableError("live_unavailable", "Live portfolios are not available now: try again.") from error
        if client.ended_with is CloseCode.REVOKED:
            raise UnauthenticatedError("session_revoked", "This session has ended: log in again.")
        if client.ended_with is CloseCode.GONE:
            raise NotFoundError("no_profile", "There is no profile of this account.")

    async def _look_up(self, client: Client) -> None:
        # The client is seated, so a revocation published after this look is not missed.
        if await read_revoked(self._redis, [client.bearer]):
            client.end(CloseCode.REVOKED)
            return
        await client.audience.loaded.wait()
        if missing := self._fanout.unpriced(client.audience.symbols):
            await self._read_prices(missing)

    def _attach(self, client: Client) -> None:
        if client.ended_with is not None:  # in the moment of being accepted
            client.socket.close(client.ended_with, client.ended_with.name.lower())
            return
        client.attached = True
        client.socket.drained = lambda: self._fanout.drained(client.audience, client.socket)
        self._fanout.attach(client.audience, client.socket)
        metrics.CLIENTS.inc()

    def _leave(self, client: Client) -> None:
        audience = client.audience
        if client.attached:
            client.socket.drained = None
            self._fanout.detach(audience, client.socket)
            metrics.CLIENTS.dec()
        self._clients.discard(client)
        audience.clients.discard(client)
        if not audience.clients:
            self._close_audience(audience)

    def _close_audience(self, audience: Audience) -> None:
        if self._audiences.get(audience.user_id) is audience:
            del self._audiences[audience.user_id]
        self._feed.unfollow(self._fanout.forget(audience))

    def _draw_end_s(self) -> float:
        age_s = self._limits.max_age_s * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD)  # noqa: S311 - jitter, not a secret
        return asyncio.get_running_loop().time() + age_s

    async def _retire_old(self) -> None:
        """Close, until cancelled, the websockets whose time is over."""
        while True:
            await asyncio.sleep(self._limits.max_age_s / 1000)
            now_s = asyncio.get_running_loop().time()
            for client in [client for client in self._clients if client.ends_s <= now_s]:
                client.end(CloseCode.RESTARTING)

    # What the feed tells

    def _on_message(self, channel: str, payload: bytes) -> None:
        match channel:
            case names.REVOCATIONS:
                self._on_revocation(payload)
            case names.PROFILE_CHANGES:
                self._on_change(payload)
            case symbol:
                self._on_price(symbol, payload)

    def _on_price(self, symbol: str, payload: bytes) -> None:
        metrics.MESSAGES.inc()
        try:
            self._fanout.apply(symbol, decode_price(payload))
        except MalformedPriceError:
            metrics.MALFORMED.labels("price").inc()

    def _on_change(self, payload: bytes) -> None:
        try:
            self._request_portfolios([int(payload)])
        except ValueError:
            metrics.MALFORMED.labels("change").inc()

    def _on_revocation(self, payload: bytes) -> None:
        try:
            revocation = decode_revocation(payload)
        except msgspec.DecodeError:
            metrics.MALFORMED.labels("revocation").inc()
            return
        audience = self._audiences.get(revocation.user_id)
        if audience is None:
            return
        if revocation.session_id is None:
            self._revocations.request([revocation.user_id])  # the key says up to when
            return
        for client in audience.clients:
            if client.bearer.session_id == revocation.session_id:
                client.end(CloseCode.REVOKED)

    def _on_subscribed(self, channel: str) -> None:
        match channel:
            case names.REVOCATIONS:
                self._revocations.request(self._audiences)
            case names.PROFILE_CHANGES:
                self._portfolios.request(self._audiences)
            case symbol:
                self._prices.request([symbol])

    # What is read again

    def _request_portfolios(self, user_ids: Sequence[int]) -> None:
        self._portfolios.request(user_id for user_id in user_ids if user_id in self._audiences)

    async def _read_portfolio(self, user_ids: Sequence[int]) -> None:
        for user_id in user_ids:
            audience = self._audiences.get(user_id)
            if audience is None:
                continue
            portfolio = await self._load_portfolio(user_id)
            if self._audiences.get(user_id) is audience:
                self._show(audience, portfolio)

    def _show(self, audience: Audience, portfolio: Portfolio | None) -> None:
        audience.loaded.set()
        if portfolio is None:
            for client in audience.clients:
                client.end(CloseCode.GONE)
            self._close_audience(audience)
            return
        added, dropped = self._fanout.show(audience, portfolio)
        self._feed.unfollow(dropped)
        self._feed.follow(added)
        self._prices.request(added)

    async def _read_prices(self, symbols: Sequence[str]) -> None:
        for symbol, price in (await read_prices(self._redis, symbols)).items():
            self._fanout.apply(symbol, price)

    async def _read_revocations(self, user_ids: Sequence[int]) -> None:
        audiences = [audience for user_id in user_ids if (audience := self._audiences.get(user_id)) is not None]
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


async def _until_closed(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
