"""uvicorn's websocket protocol with a synchronous way out, and with limits on what a client may do to us.

ASGI wants a coroutine per message. A fan-out to thousands of clients wants neither that nor a buffer per client, so the
protocol object itself reaches the application, in the scope's extensions, and takes whole frames:

* `push` writes the frame in one piece, or refuses while an earlier one has not left for the kernel. A refusal means:
  come back with something newer when `drained` is called.
* What clients send has no meaning here. It is parsed, counted and dropped, never queued.
"""

import socket
from asyncio import BaseTransport
from collections.abc import Callable
from enum import IntEnum
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

EXTENSION = "crypto_service.push"
SEND_BUFFER_BYTES = 64 * 1024
"""SO_SNDBUF: what a stalled client can hold of us in the kernel, instead of megabytes."""
WRITE_HIGH_WATER_BYTES = 0
"""Nothing is buffered above the kernel: a frame that does not leave at once pauses the client."""
MAX_MESSAGE_BYTES = 4 * 1024
WINDOW_S = 10.0
MAX_MESSAGES_PER_WINDOW = 100
MAX_BYTES_PER_WINDOW = 16 * 1024
"""Counted before parsing, so that a flood of tiny frames costs one read, not thousands of events."""
CLOSE_TIMEOUT_S = 3.0
"""For the peer's answer to a close frame; then the connection is cut."""

WEBSOCKET_OPTIONS: dict[str, Any] = {
    # Compression would cost 4-8 times the CPU of a send.
    "ws_per_message_deflate": False,
    "ws_max_size": MAX_MESSAGE_BYTES,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
}
"""For `serve_http`, beside `ws=PushProtocol`."""


class CloseCode(IntEnum):
    """Why the server closes a websocket. 4000-4999 are for applications (RFC 6455 section 7.4.2)."""

    FLOODED = 1008
    """The client sent more than it has reason to."""
    RESTARTING = 1012
    """This process ends, or the websocket is half a day old: reconnect."""
    REVOKED = 4401
    """Logged out, or the session was revoked: log in again."""
    GONE = 4404
    """The profile was deleted."""


def text_frame(payload: bytes) -> bytes:
    """An unmasked, final text frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def push_protocol_of(scope: Any) -> "PushProtocol":
    """The connection under an ASGI websocket scope. Raises RuntimeError unless the server runs `PushProtocol`."""
    protocol = scope.get("extensions", {}).get(EXTENSION)
    if protocol is None:
        raise RuntimeError("serve live websockets with serve_http(..., ws=PushProtocol)")
    return cast("PushProtocol", protocol)


class PushProtocol(WebSocketsSansIOProtocol):
    """One websocket connection. Every method is synchronous and must be called in the event loop's thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drained: Callable[[], None] | None = None
        """Called when a client that was full can take a frame again."""
        self.close_timeout = CLOSE_TIMEOUT_S
        self.conn.max_message_size = MAX_MESSAGE_BYTES
        self._full = False
        self._flooded = False
        self._window_ends_s = 0.0
        self._messages_left = 0
        self._bytes_left = 0

    def push(self, frame: bytes) -> bool:
        """Hand a whole frame to the transport. False, and nothing is sent, if the client is full or closing."""
        if self._full or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Start the closing handshake; cut the connection if the peer does not take part. Idempotent."""
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self._full or not self.handshake_complete:
            self.abort()  # a close frame would wait behind what the client does not read, or has no place yet
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.abort)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:
            # Refused over HTTP: uvicorn takes that for an unfinished handshake, and would log an error each time.
            self.handshake_complete = True

    def abort(self) -> None:
        """End the connection at once; what is buffered is lost."""
        self.transport.abort()

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._full = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self._full = False
        if self.drained is not None:
            self.drained()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            # Accepted so far: the application's task exists and has not run yet.
            cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self

    def start_keepalive(self) -> None:
        super().start_keepalive()
        # Accepted: the handshake's own objects are a tenth of what a quiet client costs, and of no more use.
        del self.request, self.response

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self._affordable(len(data)):
            return
        super().data_received(data)

    def handle_text(self, event: Frame) -> None:  # noqa: ARG002 - messages are counted, their content is ignored
        self._count_message()

    handle_bytes = handle_cont = handle_text

    def handle_ping(self) -> None:
        self._count_message()
        if not self._flooded:
            super().handle_ping()

    def _affordable(self, size_bytes: int) -> bool:
        now_s = self.loop.time()
        if now_s >= self._window_ends_s:
            self._window_ends_s = now_s + WINDOW_S
            self._messages_left, self._bytes_left = MAX_MESSAGES_PER_WINDOW, MAX_BYTES_PER_WINDOW
        self._bytes_left -= size_bytes
        if self._bytes_left < 0:
            self._flood()
        return not self._flooded

    def _count_message(self) -> None:
        self._messages_left -= 1
        if self._messages_left < 0:
            self._flood()

    def _flood(self) -> None:
        if not self._flooded:
            self._flooded = True
            self.close(CloseCode.FLOODED, "too many messages")
