"""One client has two history requests under way; the others are not kept waiting by it."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from services.dashboard.errors import HistoryBusyError
from services.dashboard.turns import AT_ONCE, WAITING, ClientTurns


async def test_a_third_request_of_a_client_waits_and_one_of_another_does_not() -> None:
    turns, begun = ClientTurns(), []

    async def ask(address: str, name: str) -> None:
        async with turns.turn(address):
            begun.append(name)
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(ask("192.0.2.1", f"one {number}")) for number in range(3)]
    tasks.append(asyncio.create_task(ask("2001:db8::1", "network")))
    tasks.append(asyncio.create_task(ask("2001:db8::2", "network too")))
    tasks.append(asyncio.create_task(ask("2001:db8::3", "network thrice")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert begun == ["one 0", "one 1", "network", "network too"]
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert begun[4:] == ["one 2"]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert turns._clients == {}


async def test_what_waits_is_bounded() -> None:
    turns = ClientTurns()

    async def ask() -> None:
        async with turns.turn("192.0.2.1"):
            await asyncio.Event().wait()

    waiting = [asyncio.create_task(ask()) for _ in range(AT_ONCE + WAITING)]
    await asyncio.sleep(0)
    async with AsyncExitStack() as stack:
        with pytest.raises(HistoryBusyError):
            await stack.enter_async_context(turns.turn("192.0.2.1"))
        await stack.enter_async_context(turns.turn("192.0.2.2"))
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
