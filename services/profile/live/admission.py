"""A websocket's way in, from its seat to its first document."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.errors import NotFoundError, UnauthenticatedError, UnavailableError
from services.profile.access.revocations import read_revoked
from services.profile.live.clients import Client
from services.profile.live.fanout import Fanout
from services.profile.live.limits import LiveLimits
from services.profile.live.push import CloseCode
from services.profile.live.updates import Updates

CONCURRENT_ADMISSIONS = 32
"""How many new websockets may be busy with Redis at once: its connections are bounded too."""


class Admission:
    """Lets websockets in once all is known that their first document needs."""

    def __init__(self, redis: Redis, fanout: Fanout, updates: Updates, limits: LiveLimits) -> None:
        self._redis = redis
        self._fanout = fanout
        self._updates = updates
        self._timeout_s = limits.admission_timeout_s
        self._places = asyncio.Semaphore(CONCURRENT_ADMISSIONS)

    async def admit(self, client: Client) -> None:
        """Wait for all that the first document needs. Raises ApiError."""
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
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
            await self._updates.read_prices(missing)
