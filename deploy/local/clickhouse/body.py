"""A request's body: unpacked, in parts, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from deploy.local.clickhouse.codecs import PIECE_BYTES, Decoder
from deploy.local.clickhouse.errors import Code, error

Receive = Any
"""ASGI's."""


class ClientGoneError(Exception):
    """The client has left; an answer would not be read."""


async def read_body(receive: Receive, encoding: str, timeout_s: float) -> AsyncIterator[bytes]:
    """The body's parts, of about a megabyte. Raises ClientGoneError, and DatabaseError for a body that is not whole."""
    decoder = Decoder(encoding)
    parts: list[bytes] = []
    size = 0
    async for chunk in _chunks(receive, timeout_s):
        for part in decoder.feed(chunk):
            parts.append(part)
            size += len(part)
            if size >= PIECE_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
    decoder.finish()
    if parts:
        yield b"".join(parts)


async def _chunks(receive: Receive, timeout_s: float) -> AsyncIterator[bytes]:
    more = True
    while more:
        try:
            async with asyncio.timeout(timeout_s):
                message = await receive()
        except TimeoutError as late:
            raise error(Code.SOCKET_TIMEOUT, f"The body did not go on for {timeout_s:g} s") from late
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def until_gone(receive: Receive) -> None:
    """Return when the client leaves. To be called after the body."""
    while (await receive())["type"] != "http.disconnect":
        pass
