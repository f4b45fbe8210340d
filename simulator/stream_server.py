"""The websocket endpoint: paths, handshakes and their refusals, requests, and the end of connections.

`/ws` and `/ws/<stream>[/<stream>…]` deliver raw payloads, `/stream[?streams=<stream>/<stream>…]` wrapped ones. Limits
are Binance's: 5 incoming frames a second, 1024 streams a connection, 300 connection attempts per address in 5 minutes.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from starlette.datastructures import Headers
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from services.common.connections import ConnectionGate, ConnectionLimits, Refusals, SharedAddresses
from services.common.internal import is_own_host, is_own_origin
from services.common.protocol import Guard
from simulator import metrics
from simulator.connection import TOO_MANY_REQUESTS, StreamConnection
from simulator.exchange import Exchange
from simulator.faults import Refusal
from simulator.frames import text_frame
from simulator.limits import ByAddress, SlidingWindow
from simulator.requests import Session, answer
from simulator.settings import SimulatorSettings

log = structlog.get_logger()

MAX_STREAMS = 1024
MAX_CONNECTIONS = 500
CONNECT_SPAN_S = 300.0
MAX_REQUEST_BYTES = 128 * 1024
DAY_IS_OVER = 1001


class StreamServer:
    """Handshakes and requests of all connections."""

    def __init__(self, exchange: Exchange, settings: SimulatorSettings) -> None:
        self._exchange = exchange
        self._settings = settings
        self._attempts = ByAddress(lambda: SlidingWindow(settings.connect_limit, CONNECT_SPAN_S))

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Decide over a handshake: None accepts it, with the session that the path asks for."""
        connection = cast("StreamConnection", connection)
        now_s = connection.loop.time()
        if self._exchange.faults.refuses(Refusal.RESET, now_s):
            metrics.CONNECTIONS_REFUSED.labels("reset").inc()
            connection.transport.abort()
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")
        if self._exchange.faults.refuses(Refusal.HTTP, now_s):
            metrics.CONNECTIONS_REFUSED.labels("unavailable").inc()
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable.\n")
        headers = Headers(dict(request.headers.raw_items()))
        if not (is_own_host(headers.get("host"), self._settings.allowed_hosts) and is_own_origin(headers)):
            metrics.CONNECTIONS_REFUSED.labels("foreign").inc()
            return connection.respond(HTTPStatus.FORBIDDEN, "Pages of other sites are refused here.\n")
        if not self._attempts.of(connection.address).admit(now_s):
            metrics.CONNECTIONS_REFUSED.labels("too_many_attempts").inc()
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too many connection attempts.\n")
        session = session_for(request.path)
        if session is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found.\n")
        connection.session = session
        return None

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one connection until either side ends it, or its day is over."""
        connection = cast("StreamConnection", connection)
        hub = self._exchange.hub
        hub.join(connection)
        try:
            async with asyncio.timeout(self._settings.connection_lifetime_s):
                await self._answer_requests(connection)
        except ConnectionClosed:
            pass
        except TimeoutError:
            connection.cut(DAY_IS_OVER, "", "lifetime")
        finally:
            hub.leave(connection)

    async def _answer_requests(self, connection: StreamConnection) -> None:
        if len(connection.session.streams) > MAX_STREAMS:
            connection.cut(TOO_MANY_REQUESTS, "Too many streams", "too_many_streams")
        async for text in connection:
            if self._exchange.faults.takes_request_to_ignore():
                continue
            before = tuple(connection.session.streams)
            reply = answer(text, connection.session)
            if len(connection.session.streams) > MAX_STREAMS:
                connection.cut(TOO_MANY_REQUESTS, "Too many streams", "too_many_streams")
            connection.push(text_frame(reply))
            connection.flush()
            self._exchange.hub.update(connection, before)


def session_for(path: str) -> Session | None:
    """The session that a request path opens; None when there is nothing there."""
    parts = urlsplit(path)
    if parts.path.rstrip("/") == "/stream":
        names = "/".join(parse_qs(parts.query).get("streams", []))
        return Session(combined=True, streams=_names(names))
    if parts.path == "/ws" or parts.path.startswith("/ws/"):
        return Session(combined=False, streams=_names(unquote(parts.path.removeprefix("/ws"))))
    return None


def _names(joined: str) -> dict[str, None]:
    return dict.fromkeys(name for name in joined.split("/") if name)


@asynccontextmanager
async def serve_streams(exchange: Exchange, settings: SimulatorSettings, sock: socket.socket) -> AsyncIterator[None]:
    """Accept connections on the bound `sock` while the context is open; leaving it closes them with code 1001."""
    server = StreamServer(exchange, settings)
    gate = ConnectionGate("streams", ConnectionLimits(MAX_CONNECTIONS), SharedAddresses())
    connection = partial(StreamConnection, guard=Guard(gate, Refusals("streams")))
    async with serve(
        server.handle,
        sock=sock,
        process_request=server.admit,
        compression=None,
        server_header=None,
        ping_interval=settings.ping_interval_s,
        ping_timeout=settings.pong_timeout_s,
        close_timeout=2,
        max_size=MAX_REQUEST_BYTES,
        create_connection=connection,  # type: ignore[arg-type] # makes what it should, and is no class
    ):
        log.info("streams.listening", port=sock.getsockname()[1])
        yield
