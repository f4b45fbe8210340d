"""uvicorn's HTTP/1.1 with bounds on what a client may send, in size and in time, and with room for every client.

uvicorn alone waits forever for a client that connects and sends little or nothing, reads what two servers may
understand in two ways, and hands a websocket upgrade to a second parser with narrower limits, which then neither
answers nor closes.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.common import request_head as head
from services.common.connections import ConnectionGate, Refusals
from services.common.request_head import Refusal, refusal_of
from services.common.unread import UnreadLimit

HEAD_TIMEOUT_S = 10.0
"""For a request's head to arrive whole; also for what is left of a body that the application does not read."""
BODY_TIMEOUT_S = 30.0
"""For a body to arrive whole, where the application sets no narrower limit."""
LINGER_S = 2.0
"""How long a refused client may go on sending: closing at once would reset the connection, and the answer be lost."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What the connections of one server share."""

    gate: ConnectionGate
    refusals: Refusals
    body_timeout_s: float = BODY_TIMEOUT_S


class _Awaited(Enum):
    HEAD = "head_timeout"
    BODY = "body_timeout"


class StrictConnection(h11.Connection):
    """h11's parser behind the rules of `request_head`. `refusal` is set once `next_event` has raised."""

    refusal: Refusal = head.MALFORMED

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE and (refusal := refusal_of(self.trailing_data[0])):
            self.refusal = refusal
            raise h11.RemoteProtocolError(refusal.code)
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == head.CODING_UNKNOWN.status:
                self.refusal = head.CODING_UNKNOWN
            raise
        if isinstance(event, h11.EndOfMessage) and event.headers:
            raise h11.RemoteProtocolError("trailers")  # a second head, and checked by nothing
        return event


class GuardedProtocol(H11Protocol):
    """One connection, from its arrival to its end or to its upgrade."""

    head_timeout_s = HEAD_TIMEOUT_S
    conn: StrictConnection

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = StrictConnection(h11.SERVER, max_incomplete_event_size=2 * head.MAX_HEAD_BYTES)
        self._guard = guard
        self._refused = False
        self._awaited: _Awaited | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread = UnreadLimit(lambda: self.transport.get_write_buffer_size(), lambda: self._drop("unread"))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        reason = self._guard.gate.admit(self, self.client[0] if self.client else None)
        if reason is None:
            self._watch()
            return
        self._refused = True
        self._guard.refusals.count(reason)
        transport.write((head.FULL if reason == "total" else head.TOO_MANY_CONNECTIONS).answer())
        transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.gate.leave(self)
        super().connection_lost(exc)
        self._cancel_timers()

    def give_way(self) -> None:
        """End at once, to make room for another connection."""
        self._drop("gave_way")

    def handle_events(self) -> None:
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's sentence; ours is more precise
        self._refuse(self.conn.refusal)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over to the websocket's protocol, unless that does not take the request, for any reason."""
        if len(event.target) > head.MAX_UPGRADE_TARGET_BYTES:
            self._refuse(head.TARGET_TOO_LONG)
            return
        super().handle_websocket_upgrade(event)
        websocket = cast("Any", self.transport.get_protocol())
        if websocket.handshake_initiated:
            self._hand_over(websocket)
            return
        self.connections.discard(websocket)
        self.connections.add(self)
        self.transport.set_protocol(self)
        self._refuse(head.MALFORMED)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread.cancel()

    def _hand_over(self, websocket: Any) -> None:
        """Keep the place of a connection that is the websocket's from now on."""
        self._guard.gate.works(self)
        lost = websocket.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            self._guard.gate.leave(self)
            lost(exc)

        websocket.connection_lost = connection_lost

    def _watch(self) -> None:
        """Start the limit for what we wait for, where that has changed."""
        awaited = self._waits_for()
        if awaited is _Awaited.HEAD:
            self._guard.gate.waits(self)
        elif not self._refused:
            self._guard.gate.works(self)
        if awaited is self._awaited:
            return
        self._awaited = awaited
        if self._refused:
            return
        if self._timer is not None:
            self._timer.cancel()
        if awaited is not None:
            timeout_s = self.head_timeout_s if awaited is _Awaited.HEAD else self._guard.body_timeout_s
            self._timer = self.loop.call_later(timeout_s, self._expire)

    def _waits_for(self) -> _Awaited | None:
        if self._refused or self not in self.connections:  # the latter: lost, or a websocket's
            return None
        if self.cycle is None or self.cycle.response_complete:
            return _Awaited.HEAD
        return _Awaited.BODY if self.cycle.more_body else None

    def _expire(self) -> None:
        if self._waits_for() is not self._awaited:
            self._watch()
        elif self._awaited is _Awaited.BODY or (self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]):
            self._refuse(head.TIMED_OUT)
        else:  # nothing was asked
            self._drop(_Awaited.HEAD.value)

    def _drop(self, reason: str) -> None:
        """End the connection without an answer."""
        self._guard.refusals.count(reason)
        self.transport.abort()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, then close, by way of half-closing: the client may still be sending."""
        self._refused = True
        self._guard.refusals.count(refusal.code)
        self._cancel_timers()
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing() or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # an answer has left or is leaving, and another would pass for the next one's
            return
        self.flow.resume_reading()
        self.transport.write(refusal.answer())
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def _cancel_timers(self) -> None:
        self._unread.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
