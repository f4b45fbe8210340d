"""Rules for passwords, and bcrypt behind a bounded executor.

Keyboards and systems write the same character composed or decomposed (`é`, or `e` and an accent). A new password is
hashed in Unicode's normal form C; hashes from before keep the form that was typed then, so a login tries the normal
form, what was typed, and the decomposed form: three checks at most, one for a password in ASCII.

bcrypt reads at most 72 bytes; longer passwords are refused, never cut. A hash costs about 240 ms of a core at cost
12, so at most `threads` run at once and `waiting_max` wait; further callers are asked to retry later.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
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
"""Of the normal form."""
MAX_BYTES = 72
"""Of UTF-8, in the normal form."""
BUSY_RETRY_AFTER_S = 2

T = TypeVar("T")


def new_password_bytes(password: str) -> bytes:
    """What to hash for a new account. Raises one of the password errors."""
    normal = unicodedata.normalize("NFC", password)
    encoded = password_forms(normal)[0]
    if len(normal) < MIN_CHARACTERS:
        raise PasswordTooShortError
    return encoded


def password_forms(password: str) -> tuple[bytes, ...]:
    """What to check at a login, the normal form first; forms that are too long for any account are left out.

    How many they are depends on the password alone, never on the account. Raises for what no account can have because
    bcrypt could not distinguish it.
    """
    if "\0" in password:
        raise InvalidPasswordError
    forms = (unicodedata.normalize("NFC", password), password, unicodedata.normalize("NFD", password))
    fitting = tuple(form for form in dict.fromkeys(each.encode() for each in forms) if len(form) <= MAX_BYTES)
    if not fitting:
        raise PasswordTooLongError
    return fitting


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

    async def find_match(self, forms: Sequence[bytes], hashed: str | None) -> bytes | None:
        """The form that is behind `hashed`. None for `hashed` (no account) costs the same work and finds nothing."""
        against = (hashed or self._nobodys_hash).encode()
        found = await self._run("verify", lambda: _find_match(forms, against, self._cost), len(forms))
        return None if hashed is None else found

    def is_weaker(self, hashed: str) -> bool:
        """Whether a hash was made at a lower cost than new ones are."""
        return _cost_of(hashed.encode()) < self._cost

    async def _run(self, operation: str, work: Callable[[], T], computations: int = 1) -> T:
        if self._in_flight >= self._capacity:
            metrics.HASHES_REFUSED.inc()
            raise BusyError(BUSY_RETRY_AFTER_S)
        loop = asyncio.get_running_loop()
        self._add_in_flight(1)
        metrics.HASHES.labels(operation).inc(computations)
        job = self._executor.submit(work)
        # A cancelled caller leaves a running job behind: the place is free when the thread is, not before.
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._add_in_flight, -1))
        return await asyncio.wrap_future(job)

    def _add_in_flight(self, change: int) -> None:
        self._in_flight += change
        metrics.HASHES_IN_FLIGHT.set(self._in_flight)


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


def _find_match(forms: Sequence[bytes], hashed: bytes, cost: int) -> bytes | None:
    """As described in `Hasher.find_match`. A failed check of a weaker hash is topped up to the work of `cost`.

    Each cost is twice the work of the one below: 2¹⁰ + 2¹⁰ + 2¹¹ = 2¹². So time does not show which hashes are old.
    """
    for form in forms:
        if bcrypt.checkpw(form, hashed):
            return form
        for missing in range(_cost_of(hashed), cost):
            bcrypt.hashpw(form, bcrypt.gensalt(missing))
    return None


def _cost_of(hashed: bytes) -> int:
    return int(hashed.split(b"$", 3)[2])
