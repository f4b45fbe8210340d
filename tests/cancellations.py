"""A cancellation that a task group swallows, made at will."""

import asyncio
from typing import NoReturn


async def lose_cancellation(error: Exception) -> NoReturn:
    """Raise `error` from a task group, and let the task that runs it be cancelled while the group ends for it.

    Before Python 3.13 only the error comes out.
    """
    task = asyncio.current_task()
    assert task is not None

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            task.cancel()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(beside())
        await asyncio.sleep(0)
        raise error
    raise AssertionError("the group raises")


async def ends_cancelled(running: "asyncio.Task[None]") -> bool:
    """Whether a task that has lost a cancellation ends all the same, soon. It has ended afterwards."""
    await asyncio.wait([running], timeout=10)
    heard = running.cancelled()
    while not running.done():
        running.cancel()
        await asyncio.wait([running], timeout=1)
    return heard
