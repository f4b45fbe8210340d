"""A websocket's way in, from its seat to its first document."""

import asyncio
from contextlib import suppress

from redis.exceptions import RedisError

from services.common.errors import NotFoundError, UnauthenticatedError, UnavailableError
from services.profile.access.revocations import Revocations
from services.profile.live.clients import Client
from services.profile.live.fanout import Fanout
from services.profile.live.limits import LiveLimits
from services.profile.live.push import CloseCode
from services.profile.live.showing import Showing


class Admission:
    """Lets websockets in once all is known that their first document needs.

    Everything is read in batches, so a crowd that arrives at once waits for its turn, and the time limit counts the
    reading alone: it begins anew with every portfolio that comes.
    """

    def __init__(self, revocations: Revocations, fanout: Fanout, showing: Showing, limits: LiveLimits) -> None:
        self._revocations = revocations
        self._fanout = fanout
        self._showing = showing
        self._limits = limits
        self._progress_s = 0.0
        """When a portfolio came last (loop time)."""

    async def admit(self, client: Client) -> None:
        """Wait for all that the first document needs. Raises ApiError."""
        try:
            await self._look_up(client)
        except (TimeoutError, RedisError, OSError) as error:
            raise UnavailableError("live_unavailable", "Live portfolios are not available now: try again.") from error
        if client.ended_with is CloseCode.REVOKED:
            raise UnauthenticatedError("session_revoked", "This session has ended: log in again.")
        if client.ended_with is CloseCode.GONE:
            raise NotFoundError("no_profile", "There is no profile of this account.")

    async def _look_up(self, client: Client) -> None:
        # The client is seated, so a revocation published after this look is not missed.
        if await self._revocations.covers(client.bearer):
            client.end(CloseCode.REVOKED)
            return
        await self._until_loaded(client)
        if missing := self._fanout.unpriced(client.audience.symbols):
            await self._showing.price(missing)

    async def _until_loaded(self, client: Client) -> None:
        """Raises TimeoutError."""
        now_s = asyncio.get_running_loop().time
        arrived_s = now_s()
        while not client.audience.loaded.is_set():
            patience_s = max(arrived_s, self._progress_s) + self._limits.admission_timeout_s
            ends_s = min(patience_s, arrived_s + self._limits.max_admission_s)
            if now_s() >= ends_s:
                raise TimeoutError
            with suppress(TimeoutError):
                async with asyncio.timeout_at(ends_s):
                    await client.audience.loaded.wait()
        self._progress_s = now_s()
