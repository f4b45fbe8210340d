"""Streams that are opened again and again, until they are cancelled."""

import asyncio
import time

import pytest

from services.aggregator import streams
from services.aggregator.streams import MIN_INTERVAL_S, keep_open


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
    running = asyncio.create_task(keep_open(session, ends.append, lambda: 0.0))
    await cleaning.wait()
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=10)
    assert done, f"it goes on: {ends}"
    assert running.cancelled()


async def test_a_session_that_brought_a_message_is_followed_by_another_without_a_growing_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays: list[float] = []

    class EnoughError(Exception):
        pass

    async def sleep(delay_s: float) -> None:
        delays.append(delay_s)
        if len(delays) == 8:
            raise EnoughError

    async def session() -> None:
        raise TimeoutError

    monkeypatch.setattr(streams, "_sleep", sleep)
    monkeypatch.setattr("services.common.backoff.random.uniform", lambda low, high: high)
    with pytest.raises(EnoughError):
        await keep_open(session, lambda reason: None, time.monotonic)
    assert max(delays) <= MIN_INTERVAL_S
    delays.clear()
    with pytest.raises(EnoughError):
        await keep_open(session, lambda reason: None, lambda: 0.0)
    assert delays[-1] == streams.RECONNECT_CAP_S, "a peer that brings nothing is asked more rarely"
