"""Look-ups in batches: few reads, each caller its own answer, and a failure that all who wait hear of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from services.common import batches as module
from services.common.batches import Batches, QueueFullError
from tests import virtual_time

Read = Callable[[Sequence[int]], Awaitable[Sequence[int]]]


@asynccontextmanager
async def running(read: Read, *, timeout_s: float = 30.0, size: int = 10) -> AsyncIterator[Batches[int, int]]:
    batches = Batches[int, int](read, timeout_s=timeout_s, size=size)
    task = asyncio.create_task(batches.run())
    yield batches
    task.cancel()


async def test_those_who_come_together_are_one_read() -> None:
    reads: list[list[int]] = []

    async def doubled(keys: Sequence[int]) -> list[int]:
        reads.append(list(keys))
        await asyncio.sleep(0)
        return [2 * key for key in keys]

    async with running(doubled) as batches:
        assert await asyncio.gather(*map(batches.get, range(25))) == [2 * key for key in range(25)]
    assert [len(keys) for keys in reads] == [10, 10, 5]


async def test_a_failure_fails_all_waiting_calls_and_no_later_one() -> None:
    """They do not wait for one deadline after the other."""
    failing = True

    async def read(keys: Sequence[int]) -> Sequence[int]:
        if failing:
            raise ConnectionError
        return keys

    async with running(read) as batches:
        outcomes = await asyncio.gather(*map(batches.get, range(25)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {ConnectionError}
        failing = False
        assert await batches.get(7) == 7


def test_the_deadline_is_the_reads_own() -> None:
    """Ten reads in turn take longer together than one may; one that hangs does not hang its callers."""

    async def read(keys: Sequence[int]) -> Sequence[int]:
        if 99 in keys:
            await asyncio.Event().wait()
        await asyncio.sleep(0.1)
        return keys

    async def ask() -> None:
        async with running(read, timeout_s=0.5, size=1) as batches:
            assert await asyncio.gather(*map(batches.get, range(10))) == list(range(10))
            with pytest.raises(TimeoutError):
                await batches.get(99)

    virtual_time.run(ask())


async def test_nothing_is_read_for_callers_that_have_all_given_up() -> None:
    gate, reads = asyncio.Event(), list[list[int]]()

    async def read(keys: Sequence[int]) -> Sequence[int]:
        reads.append(list(keys))
        await gate.wait()
        return keys

    async with running(read) as batches:
        first = asyncio.create_task(batches.get(1))
        while not reads:  # noqa: ASYNC110 - the first read is under way
            await asyncio.sleep(0)
        given_up = asyncio.create_task(batches.get(2))
        await asyncio.sleep(0)
        given_up.cancel()
        gate.set()
        assert await first == 1
        assert await batches.get(3) == 3
    assert reads == [[1], [3]]


async def test_a_cancelled_call_costs_no_other_its_answer() -> None:
    gate = asyncio.Event()

    async def read(keys: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return keys

    async with running(read, size=2) as batches:
        callers = [asyncio.create_task(batches.get(key)) for key in range(6)]
        await asyncio.sleep(0)
        for caller in callers[::2]:
            caller.cancel()
        gate.set()
        assert await asyncio.gather(*callers[1::2]) == [1, 3, 5]


async def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    batches = Batches[int, int](lambda _: asyncio.sleep(0, []), timeout_s=1)
    waiting = asyncio.create_task(batches.get(1))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await batches.get(2)
    waiting.cancel()
