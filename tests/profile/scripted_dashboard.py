"""A dashboard on a real port that answers by the test's script, and records its requests."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class ScriptedDashboard:
    """`frozen`: accepts requests and sends nothing. `missing_bytes`: closes that much before an answer's end."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: dict(JSON))
    body: bytes = b"{}"
    frozen: bool = False
    missing_bytes: int = 0
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.methods.append(first.split(" ")[0])
        self.requests.append((first.split(" ")[1], headers))
        if self.frozen:
            await reader.read()
            return
        length = {} if self.status == 304 else {"Content-Length": str(len(self.body))}
        head = {**self.headers, **length, "Connection": "close"}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in head.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        writer.write(self.body[: len(self.body) - self.missing_bytes])
        await writer.drain()


@asynccontextmanager
async def serving_dashboard(port: int) -> AsyncIterator[ScriptedDashboard]:
    """Serve a new one on `port` while the context is open."""
    dashboard = ScriptedDashboard()
    server = await asyncio.start_server(dashboard.serve, "127.0.0.1", port)
    try:
        yield dashboard
    finally:
        server.close()
        await server.wait_closed()
