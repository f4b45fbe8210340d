"""Retries for a bounded time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.backfill.errors import RateLimitedError, TemporarilyUnavailableError
from services.common.backoff import Backoff

MAX_RETRY_AFTER_S = 900.0
"""A longer ban ends the command instead of holding a terminal."""
_MAX_RATE_LIMITS = 10
_sleep = asyncio.sleep

T = TypeVar("T")


async def retry_until(
    attempt: Callable[[], Awaitable[T]],
    patience_s: float,
    report: Callable[[str], None],
    max_retry_after_s: float = MAX_RETRY_AFTER_S,
) -> T:
    """The first answer that `attempt`, which must be idempotent, gets. `report` gets the reason of each wait.

    Raises the last `TemporarilyUnavailableError` once failures have gone on for `patience_s`, or the exchange has asked
    to wait for too long or too often. Safe to cancel.
    """
    backoff = Backoff(cap_s=10.0)
    rate_limits = 0
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return await attempt()
        except RateLimitedError as error:
            rate_limits += 1
            if error.retry_after_s > max_retry_after_s or rate_limits > _MAX_RATE_LIMITS:
                raise
            wait_s = error.retry_after_s
            deadline_s += wait_s
            report(str(error))
        except TemporarilyUnavailableError as error:
            wait_s = backoff.next_delay_s()
            if time.monotonic() + wait_s > deadline_s:
                raise
            report(f"{error}; trying again")
        await _sleep(wait_s)
