"""The websockets of this process by user, within the bounds: who gets a seat, and for how long."""

import asyncio
import math
import random
from collections.abc import Iterable

from services.common.errors import TooManyError, UnavailableError
from services.common.revocations import Bearer
from services.profile.live.clients import Audience, Client
from services.profile.live.limits import LiveLimits
from services.profile.live.push import CloseCode, PushProtocol
from services.profile.live.viewers import Detail

DRAIN_STEP_S = 0.05
AGE_SPREAD = 0.1
"""By how much of it the greatest age differs between websockets, so that they do not end together."""


class Seats:
    """Every websocket from its arrival to its end, admitted or not."""

    def __init__(self, limits: LiveLimits) -> None:
        self._limits = limits
        self._audiences: dict[int, Audience] = {}
        self._clients: set[Client] = set()
        self._draining = False

    @property
    def user_ids(self) -> Iterable[int]:
        """A live view of the users with a websocket here."""
        return self._audiences.keys()

    def audience(self, user_id: int) -> Audience | None:
        return self._audiences.get(user_id)

    def take(self, socket: PushProtocol, bearer: Bearer, detail: Detail = Detail.PLAIN) -> Client:
        """A seat for a new websocket, known to all changes and revocations from here on. Raises ApiError."""
        if self._draining:
            raise UnavailableError("restarting", "The service is restarting: connect again.")
        if len(self._clients) >= self._limits.max_clients:
            raise UnavailableError("too_many_websockets", "This server holds as many websockets as it can: try again.")
        audience = self._audiences.get(bearer.user_id)
        if audience is None:
            audience = self._audiences[bearer.user_id] = Audience(bearer.user_id)
        elif len(audience.clients) >= self._limits.max_clients_per_user:
            raise TooManyError("too_many_websockets", "Too many open websockets: close one first.", 10)
        client = Client(socket, bearer, audience, self.draw_end_s(), detail)
        audience.clients.add(client)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        self._clients.discard(client)
        client.audience.clients.discard(client)

    def close(self, audience: Audience) -> None:
        """Forget the audience; the next websocket of its user gets a new one."""
        if self._audiences.get(audience.user_id) is audience:
            del self._audiences[audience.user_id]

    def draw_end_s(self) -> float:
        """When a websocket that arrives now is old enough to be closed (loop time)."""
        age_s = self._limits.max_age_s * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD)  # noqa: S311 - jitter, not a secret
        return asyncio.get_running_loop().time() + age_s

    async def retire_old(self) -> None:
        """Close, until cancelled, the websockets whose time is over."""
        while True:
            await asyncio.sleep(self._limits.max_age_s / 1000)
            now_s = asyncio.get_running_loop().time()
            for client in [client for client in self._clients if client.ends_s <= now_s]:
                client.end(CloseCode.RESTARTING)

    async def drain(self) -> None:
        """Refuse new websockets and close the open ones with 1012, spread over time."""
        self._draining = True
        clients = list(self._clients)
        steps = max(1, round(self._limits.drain_s / DRAIN_STEP_S))
        size = max(1, math.ceil(len(clients) / steps))
        for start in range(0, len(clients), size):
            for client in clients[start : start + size]:
                client.end(CloseCode.RESTARTING)
            await asyncio.sleep(DRAIN_STEP_S)
