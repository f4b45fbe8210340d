"""Streams that are opened again and again, until they are cancelled."""

import asyncio
import time
from typing import Any, cast

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata

from services.aggregator import streams
from services.aggregator.streams import MIN_INTERVAL_S, keep_open
from services.aggregator.trade_feed import TradeFeed
from services.aggregator.wanted import Wanted
from tests.cancellations import ends_cancelled, lose_cancellation


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


async def test_an_end_is_heard_also_while_a_peer_turns_out_to_lack_the_stream() -> None:
    class Go(TradeFeed):
        async def _one_stream(self) -> None:
            await lose_cancellation(AioRpcError(StatusCode.UNIMPLEMENTED, Metadata(), Metadata()))

        async def _stream_per_symbol(self) -> None:
            await asyncio.Event().wait()

    feed = Go(cast("Any", None), cast("Any", None), Wanted())
    assert await ends_cancelled(asyncio.create_task(feed.run()))
