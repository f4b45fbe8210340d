"""Serving an ASGI application with uvicorn inside our own lifecycle."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_TIMEOUT_S = 10.0
"""For a request's head to arrive whole; also for what is left of a body that nobody reads any more."""
USER_TIMEOUT_MS = 30_000
"""TCP_USER_TIMEOUT: how long sent data may stay unacknowledged, or unread, before the kernel gives a client up."""


class PortTakenError(RuntimeError):
    """The address to listen on is in use, or not ours to use."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals belong to the lifecycle."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)


class ImpatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever for a client that connects and says little or nothing.

    Between two requests its keep-alive limit holds, up to the first byte of the next; from there on ours does.
    """

    request_timeout_s = REQUEST_TIMEOUT_S
    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._set_limit()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._set_limit()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        self._set_limit()

    def _set_limit(self) -> None:
        """Let the limit run from the first moment in which we wait for a request to the first in which we do not."""
        # A connection that was lost or became a websocket's is not among uvicorn's (or not as ours) any more.
        waiting = self in self.connections and (self.cycle is None or self.cycle.response_complete)
        if not waiting and self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        elif waiting and self._giving_up is None:
            self._giving_up = self.loop.call_later(self.request_timeout_s, self.transport.abort)


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP socket. Raises `PortTakenError` with a sentence that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)  # connections inherit it
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
        "http": ImpatientProtocol,
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
