"""Answers computed once for all requests at the same time, and kept for a while in bounded memory."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from services.dashboard import metrics
from services.dashboard.answers import Document

LARGEST_SHARE = 4
"""An answer larger than a quarter of the memory is not kept: it would push out all others."""
OVERHEAD_BYTES = 1024
"""What an answer without a body weighs, with its key and headers: empty pages are many."""


class _Kept(NamedTuple):
    document: Document
    until_s: float
    size_bytes: int


@dataclass(slots=True)
class _Coming:
    work: asyncio.Task[Document]
    waiting: int = 0


class SingleFlightCache:
    """Documents by what was asked for. A failure is shared with those who wait for it, and not kept."""

    def __init__(self, capacity_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity_bytes = capacity_bytes
        self._clock = clock
        self._coming: dict[Hashable, _Coming] = {}
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[tuple[Document, float]]]) -> Document:
        """The document of `key`; `compute` gives it with the seconds for which it may be kept.

        Raises what `compute` raises. Safe to cancel: the work goes on while one caller waits for it.
        """
        kept = self._kept.get(key)
        if kept is not None and kept.until_s > self._clock():
            self._kept.move_to_end(key)
            metrics.HISTORY_CACHE.labels("kept").inc()
            return kept.document
        coming = self._coming.get(key)
        metrics.HISTORY_CACHE.labels("computed" if coming is None else "joined").inc()
        if coming is None:
            coming = self._coming[key] = _Coming(asyncio.create_task(self._compute(key, compute), name="history"))
        coming.waiting += 1
        try:
            return await asyncio.shield(coming.work)
        finally:
            coming.waiting -= 1
            if not coming.waiting:
                self._forget(key, coming)

    async def _compute(self, key: Hashable, compute: Callable[[], Awaitable[tuple[Document, float]]]) -> Document:
        document, keep_s = await compute()
        self._keep(key, document, keep_s)
        return document

    def _forget(self, key: Hashable, coming: "_Coming") -> None:
        coming.work.cancel()
        if self._coming.get(key) is coming:
            del self._coming[key]

    def _keep(self, key: Hashable, document: Document, keep_s: float) -> None:
        self._drop(key)
        # Its compressed twin is made later, if at all, and is the smaller part.
        size_bytes = 2 * len(document.body) + OVERHEAD_BYTES
        if size_bytes > self._capacity_bytes // LARGEST_SHARE:
            return
        self._kept[key] = _Kept(document, self._clock() + keep_s, size_bytes)
        self._bytes += size_bytes
        while self._bytes > self._capacity_bytes:
            self._drop(next(iter(self._kept)))
        metrics.HISTORY_CACHE_BYTES.set(self._bytes)

    def _drop(self, key: Hashable) -> None:
        dropped = self._kept.pop(key, None)
        self._bytes -= dropped.size_bytes if dropped else 0
