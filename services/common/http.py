"""Serving an ASGI application with uvicorn inside our own lifecycle."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn

from services.common.connections import ConnectionGate, ConnectionLimits, Refusals, SharedAddresses
from services.common.protocol import BODY_TIMEOUT_S, Guard, GuardedProtocol

PROGRAMS = ConnectionLimits(total=500)
"""For a server that a few programs use. One for people takes `max_public_connections`."""
USER_TIMEOUT_MS = 30_000
"""TCP_USER_TIMEOUT: how long sent data may stay unacknowledged, or unread, before the kernel gives a client up."""


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
async def serve_http(
    app: Any,
    sock: socket.socket,
    *,
    name: str = "http",
    limits: ConnectionLimits = PROGRAMS,
    trusted_proxies: Sequence[str] = (),
    body_timeout_s: float = BODY_TIMEOUT_S,
    protocol: type[GuardedProtocol] = GuardedProtocol,
    **options: Any,
) -> AsyncIterator[None]:
    """Serve `app` on the bound `sock` while the context is open; leaving it drains open requests, then closes.

    `name` is the server's in metrics and logs; `trusted_proxies` are the addresses and networks whose
    X-Forwarded-For and X-Forwarded-Proto are believed. `options` go to `uvicorn.Config`; websockets are served where
    `ws` names a protocol. Exceptions of the server surface when the context is left.
    """
    gate = ConnectionGate(name, limits, SharedAddresses(trusted_proxies))
    defaults: dict[str, Any] = {
        "http": partial(protocol, guard=Guard(gate, Refusals(name), body_timeout_s)),
        "ws": "none",
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": list(trusted_proxies),
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
