"""A websocket server that notes each control message and answers as a test says: for what needs exact control."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.processes import free_port

Answer = Callable[[dict[str, Any]], str | None]


def accept(message: dict[str, Any]) -> str | None:
    return json.dumps({"result": None, "id": message["id"]})


def refuse(message: dict[str, Any]) -> str | None:
    return json.dumps({"error": {"code": 2, "msg": "Invalid request"}, "id": message["id"]})


def ignore(message: dict[str, Any]) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Received:
    connection: int
    at_s: float
    size_bytes: int
    message: dict[str, Any]


@dataclass(slots=True)
class ScriptedExchange:
    """Sends one ticker frame ten times a second on every connection."""

    port: int
    answer: Answer = accept
    paths: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    open: dict[int, ServerConnection] = field(default_factory=dict)

    @property
    def urls(self) -> dict[str, str]:
        return {"exchange_stream_url": f"ws://127.0.0.1:{self.port}", "exchange_rest_url": "http://127.0.0.1:9"}

    def streams(self, connection: int) -> list[str]:
        """What connection number `connection` has asked for and not given back."""
        asked: dict[str, None] = {}
        for received in self.received:
            if received.connection == connection:
                for name in received.message["params"]:
                    if received.message["method"] == "SUBSCRIBE":
                        asked[name] = None
                    else:
                        del asked[name]
        return list(asked)

    async def send(self, text: str) -> None:
        """Send a frame on every connection."""
        for connection in list(self.open.values()):
            await connection.send(text)

    async def drop(self) -> None:
        for connection in list(self.open.values()):
            connection.transport.abort()

    async def _handle(self, connection: ServerConnection) -> None:
        number = len(self.paths)
        self.paths.append(connection.request.path if connection.request else "")
        self.open[number] = connection
        ticking = asyncio.ensure_future(self._tick(connection))
        try:
            async for text in connection:
                message = json.loads(text)
                size_bytes = len(text.encode() if isinstance(text, str) else text)
                self.received.append(Received(number, time.monotonic(), size_bytes, message))
                if (answer := self.answer(message)) is not None:
                    await connection.send(answer)
        finally:
            del self.open[number]
            ticking.cancel()

    async def _tick(self, connection: ServerConnection) -> None:
        while True:
            tickers = [{"e": "24hrMiniTicker", "E": time.time_ns() // 1_000_000, "s": "BTCUSDT"}]
            await connection.send(json.dumps({"stream": "!miniTicker@arr", "data": tickers}))
            await asyncio.sleep(0.1)


@asynccontextmanager
async def scripted_exchange(answer: Answer = accept) -> AsyncIterator[ScriptedExchange]:
    exchange = ScriptedExchange(free_port(), answer)
    async with serve(exchange._handle, "127.0.0.1", exchange.port, close_timeout=0.2):
        yield exchange
