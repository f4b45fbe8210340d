"""Live portfolios: websockets after authentication, from the first document to the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive, Scope, Send

from services.common.errors import ApiError
from services.common.redis import open_redis
from services.common.revocations import Bearer
from services.market.valuation import Graph
from services.profile.access.revocations import Revocations
from services.profile.answers import ANSWERS
from services.profile.live import metrics
from services.profile.live.admission import Admission
from services.profile.live.clients import Client
from services.profile.live.fanout import Fanout
from services.profile.live.limits import LiveLimits
from services.profile.live.push import push_protocol_of
from services.profile.live.seats import Seats
from services.profile.live.stalled import Stalled
from services.profile.live.updates import LoadPortfolio, Updates
from services.profile.live.viewers import Detail


class ConnectionManager:
    """All live websockets of this process."""

    def __init__(self, redis_url: str, load_portfolio: LoadPortfolio, limits: LiveLimits | None = None) -> None:
        limits = limits or LiveLimits()
        self._redis = open_redis(redis_url)
        self._stalled = Stalled(stuck_after_s=limits.stuck_after_s)
        self._fanout = Fanout(self._stalled, gather_s=limits.gather_s)
        self._seats = Seats(limits)
        self._updates = Updates(redis_url, self._redis, load_portfolio, self._seats, self._fanout, limits)
        self._revocations = Revocations(self._redis)
        self._admission = Admission(self._revocations, self._fanout, self._updates.showing, limits)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the context is open. A crash inside cancels the body and surfaces as an exception group."""
        await self._updates.prepare()
        fanout = (self._fanout.run(), self._stalled.cut_stuck())
        work = [*fanout, self._seats.retire_old(), self._revocations.run(), *self._updates.work()]
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
        bearer: Bearer,
        subprotocol: str | None,
        detail: Detail = Detail.PLAIN,
    ) -> None:
        """A whole websocket after authentication: accept, first document, changes, until it closes.

        What stands against it is answered over HTTP before it is accepted. Cancelling ends the websocket.
        """
        try:
            client = self._seats.take(push_protocol_of(scope), bearer, detail)
        except ApiError as refusal:
            await ANSWERS.response(refusal)(scope, receive, send)
            return
        if client.audience.clients == {client}:  # its user has come, and nothing is known of them
            self._updates.request_portfolios([bearer.user_id])
        try:
            await self._admission.admit(client)
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
            self._attach(client)
            await _until_closed(receive)
        except ApiError as refusal:
            await ANSWERS.response(refusal)(scope, receive, send)
        finally:
            self._leave(client)

    async def portfolio_changed(self, user_id: int) -> None:
        """Show the change in every open websocket of that user, here and on every replica. Never raises for Redis.

        Where Redis does not answer, the announcement follows when it does.
        """
        self._updates.request_portfolios([user_id])
        await self._updates.announce(user_id)

    @property
    def graph(self) -> Graph:
        """The exchange's assets and pairs, and the paths between them."""
        return self._fanout.market.graph

    def symbols(self) -> frozenset[str]:
        """The symbols that portfolios with an open websocket here show or are converted by."""
        return self._fanout.symbols

    async def check(self) -> None:
        """A readiness check: raises unless the subscription is alive, and while every price on it is rejected."""
        if not self._updates.feed.alive:
            raise ConnectionError("the Redis subscription is not alive")
        self._updates.price_messages.check()

    async def drain(self) -> None:
        """Refuse new websockets and close the open ones with 1012, spread over time. Call before the server stops."""
        await self._seats.drain()

    def _attach(self, client: Client) -> None:
        if client.ended_with is not None:  # in the moment of being accepted
            client.socket.close(client.ended_with, client.ended_with.name.lower())
            return
        client.attached = True
        client.socket.drained = lambda: self._fanout.drained(client.audience, client.socket, client.detail)
        self._fanout.attach(client.audience, client.socket, client.detail)
        metrics.CLIENTS.inc()

    def _leave(self, client: Client) -> None:
        if client.attached:
            client.socket.drained = None
            self._fanout.detach(client.audience, client.socket, client.detail)
            metrics.CLIENTS.dec()
        self._seats.leave(client)
        if not client.audience.clients:
            self._updates.showing.close(client.audience)


async def _until_closed(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
