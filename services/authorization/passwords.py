"""Which passwords are accepted, and bcrypt behind a bounded executor.

bcrypt reads at most 72 bytes; longer passwords are refused, never cut. A hash costs about 240 ms of a core at cost
12, so at most `threads` run at once and `waiting_max` wait; beyond that the caller is told to come back.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import bcrypt

from services.authorization import metrics
from services.authorization.errors import (
    BusyError,
    InvalidPasswordError,
    PasswordTooLongError,
    PasswordTooShortError,
)

MIN_CHARACTERS = 8
MAX_BYTES = 72
BUSY_RETRY_AFTER_S = 2

T = TypeVar("T")


def new_password_bytes(password: str) -> bytes:
    """What to hash for a new account. Raises one of the password errors."""
    encoded = password_bytes(password)
    if len(password) < MIN_CHARACTERS:
        raise PasswordTooShortError
    return encoded


def password_bytes(password: str) -> bytes:
    """What to check at a login. Raises for what no account can have because bcrypt could not tell it apart."""
    encoded = password.encode()
    if len(encoded) > MAX_BYTES:
        raise PasswordTooLongError
    if b"\0" in encoded:
        raise InvalidPasswordError
    return encoded


@dataclass(slots=True)
class Hasher:
    """Hashes and checks passwords without blocking the loop."""

    _executor: ThreadPoolExecutor
    _capacity: int
    _cost: int
    _nobodys_hash: str
    _in_flight: int = 0

    async def make_hash(self, password: bytes) -> str:
        """A bcrypt hash. Raises `BusyError`. Safe to cancel: a job that waits is dropped, one that runs ends unseen."""
        return await self._run("hash", lambda: _make_hash(password, self._cost))

    async def matches(self, password: bytes, hashed: str | None) -> bool:
        """Whether `password` is the one behind `hashed`; None (nobody's) costs the same work and is always False."""
        genuine = await self._run("verify", lambda: bcrypt.checkpw(password, (hashed or self._nobodys_hash).encode()))
        return genuine and hashed is not None

    async def _run(self, operation: str, work: Callable[[], T]) -> T:
        if self._in_flight >= self._capacity:
            metrics.hashes_refused.inc()
            raise BusyError(BUSY_RETRY_AFTER_S)
        loop = asyncio.get_running_loop()
        self._add_in_flight(1)
        metrics.hashes.labels(operation).inc()
        job = self._executor.submit(work)
        # A cancelled caller leaves a running job behind: the place is free when the thread is, not before.
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._add_in_flight, -1))
        return await asyncio.wrap_future(job)

    def _add_in_flight(self, change: int) -> None:
        self._in_flight += change
        metrics.hashes_in_flight.set(self._in_flight)


@asynccontextmanager
async def open_hasher(threads: int, waiting_max: int, cost: int) -> AsyncIterator[Hasher]:
    """A hasher of `threads` threads; leaving the context drops what waits and ends the threads."""
    executor = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")
    try:
        nobodys_hash = await asyncio.wrap_future(executor.submit(_make_hash, secrets.token_bytes(32), cost))
        yield Hasher(executor, threads + waiting_max, cost, nobodys_hash)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _make_hash(password: bytes, cost: int) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()
