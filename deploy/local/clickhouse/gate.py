"""How many requests use the engine at the same time, and how many may wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.local.clickhouse import metrics
from deploy.local.clickhouse.errors import Code, error


class Gate:
    def __init__(self, running: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(running)
        self._limit = running + waiting
        self._inside = 0

    @asynccontextmanager
    async def pass_through(self) -> AsyncIterator[None]:
        """Wait for a place. Raises DatabaseError at once when too many wait already."""
        if self._inside >= self._limit:
            raise error(Code.TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries. Maximum: {self._limit}")
        self._inside += 1
        try:
            with metrics.WAITING.track_inprogress():
                await self._free.acquire()
            try:
                with metrics.RUNNING.track_inprogress():
                    yield
            finally:
                self._free.release()
        finally:
            self._inside -= 1
