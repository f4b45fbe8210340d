"""Running the engine's blocking calls without blocking the loop, and without ever leaving one behind."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_KILL_INTERVAL_S = 0.2


class Threads:
    """`size` threads for the work of requests, and one more that ends it."""

    def __init__(self, size: int) -> None:
        self._work = ThreadPoolExecutor(size, "engine")
        self._kill = ThreadPoolExecutor(1, "kill")

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """`function(*args)` in a thread. When cancelled, it still waits for the function's end.

        A connection must not be touched while a call on it is under way.
        """
        work = asyncio.get_running_loop().run_in_executor(self._work, function, *args)
        return await _to_the_end(work)

    async def call_killable(self, kill: Callable[[], None], function: Callable[..., T], *args: object) -> T:
        """The same; when cancelled, `kill` (which blocks, too) is asked to make the end come soon."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._work, function, *args)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():  # it may not have begun when it is killed for the first time
                await _to_the_end(loop.run_in_executor(self._kill, kill))
                await asyncio.wait([work], timeout=_KILL_INTERVAL_S)
            work.exception()  # that it was killed is no news
            raise

    def close(self) -> None:
        self._work.shutdown()
        self._kill.shutdown()


async def _to_the_end(work: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        work.exception()  # its caller is gone
        raise
