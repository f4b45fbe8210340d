"""A websocket's opening request within the bounds of our other servers, and its place among the connections."""

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection

from services.common import request_head as head
from services.common.protocol import Guard
from services.common.request_head import Refusal, announces_body, refusal_of


class GuardedConnection(ServerConnection):
    """`websockets` alone takes any number of connections, and closes on much that is malformed without an answer."""

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard
        self._head = b""
        self._refused = False

    @property
    def address(self) -> str:
        peer = self.remote_address
        return str(peer[0]) if peer else ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        reason = self._guard.gate.admit(self, self.address)
        if reason is not None:
            self._refuse(head.FULL if reason == "total" else head.TOO_MANY_CONNECTIONS, reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.gate.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self.request is None:
            self._head += data
            refusal = refusal_of(self._head) or (head.MALFORMED if announces_body(self._head) else None)
            if refusal is not None:
                self._refuse(refusal, refusal.code)
                return
        super().data_received(data)
        if self.request is not None:
            self._head = b""
            self._guard.gate.works(self)

    def give_way(self) -> None:
        """End at once, for a connection that has more use for the place."""
        self._guard.refusals.count("gave_way")
        self.transport.abort()

    def _refuse(self, refusal: Refusal, reason: str) -> None:
        """Answer; the connection is cut once the client closes it, or `open_timeout` is over."""
        self._refused = True
        self._guard.refusals.count(reason)
        self.transport.write(refusal.answer())
        self.transport.write_eof()
