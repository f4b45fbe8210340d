"""One client has two history requests under way; the others are not kept waiting by it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import pytest

from services.dashboard.clickhouse import ClickHouse
from services.dashboard.errors import HistoryBusyError
from services.dashboard.history import Request
from services.dashboard.history_pages import HistoryPages
from services.dashboard.single_flight import SingleFlightCache
from services.dashboard.turns import AT_ONCE, WAITING, ClientTurns
from tests.processes import until


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


class Held:
    """A ClickHouse that answers nothing before `answer` is set."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.answer = asyncio.Event()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        yield

    async def query(self, sql: str, parameters: Mapping[str, object], *_: object) -> bytes:
        self.asked.append(parameters["symbol"])
        await self.answer.wait()
        return b"[]"


async def test_a_page_takes_a_turn_of_the_client_that_asked_first_and_none_of_those_that_join() -> None:
    held = Held()
    pages = HistoryPages(cast("ClickHouse", held), SingleFlightCache(1_000_000), ClientTurns())

    def ask(symbol: str, client: str) -> asyncio.Task[object]:
        request = Request(symbol, "1m", "simulator", 0, 60, 1, "json")
        return asyncio.create_task(pages.page(request, client))

    asking = [ask(symbol, "192.0.2.1") for symbol in ("a", "b", "c")]
    asking += [ask("a", "192.0.2.1") for _ in range(AT_ONCE + WAITING)]
    asking.append(ask("d", "192.0.2.2"))
    await until(lambda: "D" in held.asked)
    assert held.asked == ["A", "B", "D"]
    held.answer.set()
    await asyncio.gather(*asking)
    assert held.asked == ["A", "B", "D", "C"]
