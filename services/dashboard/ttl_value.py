"""A value that is read on request, and at most once a period however many requests there are."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class TtlValue(Generic[T]):
    """What `read` returned within the last `period_s`. `read` has its own deadline and does not raise."""

    def __init__(self, period_s: float, read: Callable[[], Awaitable[T]]) -> None:
        self._period_s = period_s
        self._read = read
        self._turn = asyncio.Lock()
        self._value: T | None = None
        self._read_at_s = -period_s

    async def get(self) -> T:
        """Waits for at most one read. Safe to cancel: the next one in line reads instead."""
        async with self._turn:
            if time.monotonic() - self._read_at_s >= self._period_s:
                self._value = await self._read()
                self._read_at_s = time.monotonic()
            return cast("T", self._value)
