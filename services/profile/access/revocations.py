"""Revoked sessions and users, read from Redis."""

from collections.abc import Sequence

from redis.asyncio import Redis

from services.common.batches import Batches
from services.common.redis import BATCH_TIMEOUT_S
from services.common.revocations import Bearer


async def read_revoked(redis: Redis, bearers: Sequence[Bearer]) -> list[Bearer]:
    """Those of `bearers` whose access has ended. Raises RedisError. Safe to cancel."""
    if not bearers:
        return []
    values = await redis.mget([key for bearer in bearers for key in bearer.keys])
    ended = zip(bearers, values[::2], values[1::2], strict=True)
    return [bearer for bearer, session, user in ended if bearer.is_revoked(session, user)]


class Revocations:
    """Whether access has ended, read for many callers at once while `run` runs."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._batches: Batches[Bearer, bool] = Batches(self._read, timeout_s=BATCH_TIMEOUT_S)
        self.run = self._batches.run

    async def covers(self, bearer: Bearer) -> bool:
        """Whether the bearer's access has ended. Raises RedisError, OSError. Safe to cancel."""
        return await self._batches.get(bearer)

    async def _read(self, bearers: Sequence[Bearer]) -> list[bool]:
        revoked = set(await read_revoked(self._redis, bearers))
        return [bearer in revoked for bearer in bearers]
