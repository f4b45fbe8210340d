"""Simulators and the service for these tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.socket.harness import Proxy, Simulator, running_proxy, start_simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """An exchange with a lively market, shared by all tests here: each leaves it without faults."""
    running = start_simulator(RATE=2)
    asyncio.run(running.ready())
    yield running
    running.process.stop()


@pytest.fixture
async def proxy(simulator: Simulator) -> AsyncIterator[Proxy]:
    """The service, connected to the simulator."""
    async with running_proxy(simulator.urls) as running:
        await running.ready()
        yield running
