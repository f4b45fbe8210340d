"""Whose access has ended, as the authorization service says it in Redis."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from services.market.names import revoked_session_key, revoked_user_key


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose access token opened a websocket: the claims that a revocation can name."""

    user_id: int
    session_id: str | None
    issued_at_s: int | None


class Revocation(msgspec.Struct, frozen=True):
    """A message of `auth:revocations`. Without a session, all of the user's tokens up to the time in the user's key."""

    user_id: int
    session_id: str | None = None


decode_revocation = msgspec.json.Decoder(Revocation).decode
"""Raises msgspec.DecodeError."""


async def read_revoked(redis: Redis, bearers: Sequence[Bearer]) -> list[Bearer]:
    """Those of `bearers` whose access has ended. Raises RedisError. Safe to cancel."""
    if not bearers:
        return []
    keys = [key for bearer in bearers for key in _keys(bearer)]
    values = await redis.mget(keys)
    ended = zip(bearers, values[::2], values[1::2], strict=True)
    return [bearer for bearer, session, user in ended if _has_ended(bearer, session, user)]


def _keys(bearer: Bearer) -> tuple[str, str]:
    # A token without a session reads a key that no session can have.
    return revoked_session_key(bearer.session_id or ""), revoked_user_key(bearer.user_id)


def _has_ended(bearer: Bearer, session: bytes | str | None, user: bytes | str | None) -> bool:
    if bearer.session_id and session is not None:
        return True
    # What says no time of issue, and a time that cannot be read, count as ended.
    return user is not None and (bearer.issued_at_s is None or not user.isdigit() or bearer.issued_at_s <= int(user))
