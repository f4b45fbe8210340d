"""A simulator inside the test's own loop, reached over real connections only."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from services.common.lifecycle import Lifecycle
from simulator.app import app
from simulator.settings import SimulatorSettings
from tests.processes import free_port

START_MS = 1_760_000_000_000
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    settings: SimulatorSettings
    http: httpx.AsyncClient

    def connect(self, path: str, **options: Any) -> connect:
        """A plain client on `path`, as an async context manager."""
        url = f"ws://127.0.0.1:{self.settings.stream_port}{path}"
        # An unbounded queue, so that a client with unread events still reads the answer to its close frame.
        return connect(url, proxy=None, compression=None, max_size=None, max_queue=None, **options)

    async def control(self, action: str, **body: Any) -> Any:
        answer = await self.http.post(f"/control/{action}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def state(self) -> Any:
        return (await self.http.get("/control/state")).json()

    async def journal(self, **query: str) -> list[Any]:
        answer = await self.http.get("/control/journal", params=query)
        return [json.loads(line) for line in answer.text.splitlines()]


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Running]:
    """A simulator of three quiet symbols (BTCUSDT, ETHUSDT, SOLUSDT) unless `settings` change that."""
    chosen = SimulatorSettings(
        **{
            "stream_port": free_port(),
            "rest_port": free_port(),
            "symbol_count": 3,
            "rate": 0,
            "start_ms": START_MS,
            **settings,
        }
    )
    base_url = f"http://127.0.0.1:{chosen.rest_port}"
    async with (
        asyncio.TaskGroup() as tasks,
        app(chosen, Lifecycle(tasks)),
        httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=DEADLINE_S) as http,
    ):
        yield Running(chosen, http)


async def receive(client: ClientConnection) -> Any:
    """The next message as JSON, within the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        return json.loads(await client.recv())


async def receive_some(client: ClientConnection, count: int) -> list[Any]:
    return [await receive(client) for _ in range(count)]


async def ask(client: ClientConnection, method: str, params: object = None, request_id: object = 1) -> Any:
    """Send a request and return the next message, which is its answer on a quiet connection."""
    await client.send(json.dumps({"method": method, "params": params, "id": request_id}))
    return await receive(client)
