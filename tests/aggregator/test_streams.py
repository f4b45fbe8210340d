"""Streams that are opened again and again, until somebody ends them."""

import asyncio

from services.aggregator.streams import keep_open


async def test_an_end_is_heard_also_while_a_session_that_failed_is_cleaned_up() -> None:
    cleaning = asyncio.Event()

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.sleep(0.05)

    async def session() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(beside())
            await asyncio.sleep(0)
            raise TimeoutError

    ends: list[str] = []
    running = asyncio.create_task(keep_open(session, ends.append))
    await cleaning.wait()
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=10)
    assert done, f"it goes on: {ends}"
    assert running.cancelled()
