"""Announcements that a session or an account ended: keys and a channel in Redis (docs/contracts.md).

The database is the truth (`revocations`, written with the change itself); Redis is a view of its last minutes. A
call announces what it ended before it answers, and a sweep announces again what Redis does not know: because it was
down, because it lost its last second, or because a caller gave up between the commit and the announcement.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from services.authorization.errors import StoreRefusesError, UnavailableError
from services.common.revocations import CHANNEL, RevocationMessage, encode_revocation, session_key, user_key
from services.common.tokens import LEEWAY_S


@dataclass(frozen=True, slots=True)
class Revocation:
    """An ended session; `session_id` None means every session of the user, at `revoked_at_s` or before."""

    user_id: int
    session_id: uuid.UUID | None
    revoked_at_s: int

    @property
    def key(self) -> str:
        """The Redis key whose presence voids the access tokens."""
        if self.session_id is None:
            return user_key(self.user_id)
        return session_key(str(self.session_id))

    @property
    def message(self) -> bytes:
        """What is published."""
        session_id = None if self.session_id is None else str(self.session_id)
        return encode_revocation(RevocationMessage(self.user_id, session_id))


def ended_now(user_id: int, session_id: uuid.UUID | None = None) -> Revocation:
    """A revocation that takes effect now.

    A whole user's is dated a little ahead: clocks of replicas differ, and no account lives on after it.
    """
    return Revocation(user_id, session_id, int(time.time()) + LEEWAY_S)


@dataclass(frozen=True, slots=True)
class Announcer:
    """Writes revocations to Redis. `access_lifetime_s` is how long the access tokens they void can live."""

    redis: Redis
    access_lifetime_s: int

    async def announce(self, revocations: Sequence[Revocation]) -> None:
        """Set the keys, then publish. Idempotent. Raises `UnavailableError`: then repeat, or leave it to the sweep."""
        if not revocations:
            return
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for revocation in revocations:
                    pipe.set(revocation.key, revocation.revoked_at_s, ex=self._ttl_s)
                for revocation in revocations:
                    pipe.publish(CHANNEL, revocation.message)
                await pipe.execute()
        except ResponseError as error:
            raise StoreRefusesError from error
        except (RedisError, OSError) as error:
            raise UnavailableError from error

    async def announce_unknown(self, revocations: Sequence[Revocation]) -> int:
        """Announce those whose key is missing; returns how many. Raises `UnavailableError`."""
        try:
            found = await self.redis.mget([revocation.key for revocation in revocations]) if revocations else []
        except (RedisError, OSError) as error:
            raise UnavailableError from error
        unknown = [revocation for revocation, value in zip(revocations, found, strict=True) if value is None]
        await self.announce(unknown)
        return len(unknown)

    @property
    def _ttl_s(self) -> int:
        return self.access_lifetime_s + 2 * LEEWAY_S
