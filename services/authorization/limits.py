"""Rate limits, spent in Redis before any password is hashed. Without Redis no password is checked.

Narrow limits are spent before wide ones, so that a noisy client, once refused, does not use up the others' share: a
refused attempt spends nothing of the limit that refused it, nor of wider ones.
"""

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from services.authorization import metrics
from services.authorization.client import Client
from services.authorization.errors import StoreRefusesError, TooManyAttemptsError, UnavailableError
from services.authorization.settings import AuthorizationSettings
from services.authorization.storage import Storage

KEY_PREFIX = "auth:limit"


class Limits:
    """The limits of this service. Every method raises `TooManyAttemptsError` or `UnavailableError`."""

    def __init__(self, redis: Redis, settings: AuthorizationSettings, storage: Storage) -> None:
        self._storage = storage
        pool: Any = redis.connection_pool  # the library's hints forget what its documentation names
        counters = RedisStorage("async+redis://", implementation="redispy", key_prefix=KEY_PREFIX, connection_pool=pool)
        self._limiter = MovingWindowRateLimiter(counters)
        self._rates = {
            name.removeprefix("limit_"): parse(value)
            for name, value in settings.model_dump().items()
            if name.startswith("limit_")
        }

    async def login(self, key: str, client: Client, device: str | None) -> None:
        """One attempt at the account of `key`. `device` is that of its devices which makes it, None for a stranger.

        Known devices have limits of their own: what strangers use up together never keeps them out. Those of an account
        and of an address together bound a person who collects devices by logging in again and again.
        """
        if device is not None:
            await self._spend("login_device", key, device)
            await self._spend("login_device_name", key)
            if client.network is not None:
                await self._spend("login_device_address", client.network)
            return
        if client.network is not None:
            await self._spend("login_name_address", key, client.network)
            await self._spend("login_address", client.network)
        await self._spend("login_name", key)
        await self._spend("login_all")

    async def register(self, client: Client) -> None:
        """One attempt to make an account."""
        if client.network is not None:
            await self._spend("register_address", client.network)
        await self._spend("register_all")

    async def refresh(self, client: Client) -> None:
        """One presented refresh token. Goes on where Redis answers but refuses to store (a full disk, no memory):

        this limit protects the database, not a secret, and those who are logged in would be locked out.
        """
        if client.network is not None:
            try:
                await self._spend("refresh_address", client.network)
            except StoreRefusesError:
                metrics.LIMITS_SKIPPED.inc()

    async def _spend(self, name: str, *parties: str) -> None:
        rate, party = self._rates[name], _digest(parties)
        with self._storage.storing("redis"), _failures_named():
            if await self._limiter.hit(rate, name, party):
                return
            stats = await self._limiter.get_window_stats(rate, name, party)
        metrics.ATTEMPTS_REFUSED.labels(name).inc()
        raise TooManyAttemptsError(max(1, math.ceil(stats.reset_time - time.time())))


@contextmanager
def _failures_named() -> Iterator[None]:
    """Redis' failures as `UnavailableError`, refusals as `StoreRefusesError`."""
    try:
        yield
    except ResponseError as error:
        raise StoreRefusesError from error
    except (RedisError, OSError) as error:
        raise UnavailableError from error


def _digest(parties: tuple[str, ...]) -> str:
    """A key of fixed length: names are long, hold any character, and now and then are a mistyped password."""
    return hashlib.sha256("\0".join(parties).encode()).hexdigest()[:32]
