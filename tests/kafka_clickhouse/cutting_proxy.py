"""A TCP proxy that can swallow answers: the server has done what was asked, and the client never hears of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.processes import free_port


@dataclass(slots=True)
class CuttingProxy:
    """Before one HTTP server. While `cuts` is above zero, each answer to an insert costs one and is swallowed."""

    url: str
    cuts: int = 0
    swallowed: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]) -> None:
        there_reader, there_writer = await asyncio.open_connection(*target)
        asked = bytearray()
        forth = asyncio.create_task(_pump(reader, there_writer, asked))
        back = asyncio.create_task(self._answers(there_reader, writer, asked))
        try:
            await asyncio.wait([forth, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (forth, back):
                task.cancel()
            await asyncio.wait([forth, back])
            for side in (writer, there_writer):
                side.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytearray) -> None:
        while data := await reader.read(65_536):
            if self.cuts and b"insert_deduplication_token" in asked:
                self.cuts -= 1
                self.swallowed += 1
                return
            asked.clear()
            writer.write(data)
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            seen += data
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def cutting_proxy(url: str) -> AsyncIterator[CuttingProxy]:
    """A proxy before the server of the ClickHouse URL `url`; its own URL has the same user and database."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    target, port = (parts.hostname, parts.port), free_port()
    user = parts.netloc.rpartition("@")[0]
    proxy = CuttingProxy(parts._replace(netloc=f"{user}@127.0.0.1:{port}").geturl())
    server = await asyncio.start_server(lambda r, w: proxy._serve(r, w, target), "127.0.0.1", port)
    try:
        yield proxy
    finally:
        server.close()
