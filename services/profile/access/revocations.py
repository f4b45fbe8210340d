"""Whose access has ended, read from Redis."""

from collections.abc import Sequence

from redis.asyncio import Redis

from services.common.revocations import Bearer


async def read_revoked(redis: Redis, bearers: Sequence[Bearer]) -> list[Bearer]:
    """Those of `bearers` whose access has ended. Raises RedisError. Safe to cancel."""
    if not bearers:
        return []
    values = await redis.mget([key for bearer in bearers for key in bearer.keys])
    ended = zip(bearers, values[::2], values[1::2], strict=True)
    return [bearer for bearer, session, user in ended if bearer.is_revoked(session, user)]
