"""A websocket server that notes each control message and sends scripted answers, for what needs exact control."""

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


CLOSE = "close the connection with 1008"


def refuse_symbol(symbol: str, how: str = "error") -> Answer:
    """Refuse every subscription that names `symbol`, by an error or by a close, and carry out all others."""

    def answer(message: dict[str, Any]) -> str | None:
        if message["method"] != "SUBSCRIBE" or f"{symbol}@aggTrade" not in message["params"]:
            return accept(message)
        return refuse(message) if how == "error" else CLOSE

    return answer


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
    carried_out: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """By connection, the control messages that were answered with success."""

    @property
    def urls(self) -> dict[str, str]:
        return {"exchange_stream_url": f"ws://127.0.0.1:{self.port}", "exchange_rest_url": "http://127.0.0.1:9"}

    def streams(self, connection: int) -> list[str]:
        """What connection number `connection` has asked for with success and not given back."""
        asked: dict[str, None] = {}
        for message in self.carried_out.get(connection, ()):
            for name in message["params"]:
                if message["method"] == "SUBSCRIBE":
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
                answer = self.answer(message)
                if answer == CLOSE:
                    await connection.close(1008, "Invalid request")
                elif answer is not None:
                    await connection.send(answer)
                    if '"result"' in answer:
                        self.carried_out[number] = [*self.carried_out.get(number, []), message]
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
