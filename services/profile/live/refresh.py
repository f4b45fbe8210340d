"""Repeated reads of what may have changed unseen: each key soon, none twice at a time, no request lost."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

import structlog

from services.common.backoff import Backoff
from services.profile.live import metrics

log = structlog.get_logger()

K = TypeVar("K", bound=Hashable)


class Refresher(Generic[K]):
    """A set of keys to read again, worked off in batches by a few workers.

    Requests for a key that already waits are one request; a request that comes while the key is being read is served
    by one more read afterwards, so the last read always begins after the last request. What fails is tried again, ever
    more slowly. The set is as bounded as its keys are: the reader must ignore keys that are no longer needed.
    """

    def __init__(
        self, what: str, read: Callable[[Sequence[K]], Awaitable[None]], *, timeout_s: float, workers: int, batch: int
    ) -> None:
        self._what = what
        self._read = read
        self._timeout_s = timeout_s
        self._workers = workers
        self._batch = batch
        self._waiting: dict[K, None] = {}  # a set that keeps order
        self._busy: set[K] = set()
        self._wake = asyncio.Event()

    def request(self, keys: Iterable[K]) -> None:
        """Have `keys` read, soon."""
        self._waiting.update(dict.fromkeys(keys))
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._workers):
                tasks.create_task(self._work(), name=f"refresh {self._what}")

    async def _work(self) -> None:
        backoff = Backoff(base_s=0.5, cap_s=10.0)
        while True:
            keys = await self._take()
            try:
                await self._read_in_time(keys)
                backoff.reset()
            except Exception as error:  # noqa: BLE001 - any error of a store's client: the read must happen all the same
                metrics.REFRESH_FAILURES.labels(self._what).inc()
                log.warning("live.refresh_failed", what=self._what, error=repr(error), attempt=backoff.attempt)
                await asyncio.sleep(backoff.next_delay_s())
                self.request(keys)
            finally:
                self._busy.difference_update(keys)
                self._wake.set()

    async def _read_in_time(self, keys: Sequence[K]) -> None:
        async with asyncio.timeout(self._timeout_s):
            await self._read(keys)

    async def _take(self) -> list[K]:
        while not (keys := list(islice((key for key in self._waiting if key not in self._busy), self._batch))):
            self._wake.clear()
            await self._wake.wait()
        for key in keys:
            del self._waiting[key]
        self._busy.update(keys)
        return keys
