"""Look-ups gathered into batches: many callers, few round trips, one connection."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_WAITING = 20_000


class QueueFullError(TimeoutError):
    """More callers wait for an answer than the bound allows."""


class _Waiting(NamedTuple, Generic[K, V]):
    key: K
    answer: "asyncio.Future[V]"


class Batches(Generic[K, V]):
    """`get` waits for the answer to one key; `run` reads the keys that wait, in batches, one after the other.

    `read` takes keys and returns as many answers. A batch has `timeout_s`, which does not count the wait for its turn.
    A read begins after the calls that it answers, so it sees what was written before them. A read that fails fails all
    who wait then: the next one would meet the same.
    """

    def __init__(
        self, read: Callable[[Sequence[K]], Awaitable[Sequence[V]]], *, timeout_s: float, size: int = 100
    ) -> None:
        self._read = read
        self._timeout_s = timeout_s
        self._size = size
        self._waiting: deque[_Waiting[K, V]] = deque()
        self._wake = asyncio.Event()

    async def get(self, key: K) -> V:
        """The answer to `key`. Raises what `read` raises, TimeoutError, and QueueFullError. Safe to cancel."""
        if len(self._waiting) >= MAX_WAITING:
            raise QueueFullError
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(key, answer))
        self._wake.set()
        return await answer

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if batch := self._take():  # not of callers alone that have given up
                    await self._answer(batch)

    def _take(self) -> list[_Waiting[K, V]]:
        batch = list(islice(self._waiting, self._size))
        for _ in batch:
            self._waiting.popleft()
        return [each for each in batch if not each.answer.done()]

    async def _answer(self, batch: list[_Waiting[K, V]]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                values = await self._read([each.key for each in batch])
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            self._fail([*batch, *self._waiting], error)
            self._waiting.clear()
            return
        for each, value in zip(batch, values, strict=True):
            if not each.answer.done():
                each.answer.set_result(value)

    @staticmethod
    def _fail(waiting: list[_Waiting[K, V]], error: Exception) -> None:
        for each in waiting:
            if not each.answer.done():
                each.answer.set_exception(error)
