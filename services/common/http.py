"""Serving an ASGI application with uvicorn inside our own lifecycle."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class PortTakenError(RuntimeError):
    """The address to listen on is in use, or not ours to use."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals belong to the lifecycle."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP socket. Raises `PortTakenError` with a sentence that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    sock.set_inheritable(True)
    return sock


@asynccontextmanager
async def serve_http(app: Any, sock: socket.socket, **options: Any) -> AsyncIterator[None]:
    """Serve `app` on the bound `sock` while the context is open; leaving it drains open requests, then closes.

    `options` go to `uvicorn.Config`. Exceptions of the server surface when the context is left.
    """
    defaults: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "off",
        "timeout_graceful_shutdown": 10,
    }
    server = _Server(uvicorn.Config(app, **(defaults | options)))
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve([sock]), name="uvicorn")
        while not server.started:
            await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
                raise RuntimeError("the HTTP server ended while starting")
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.shield(serving)
