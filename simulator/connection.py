"""One client's websocket connection: what `websockets` offers, and the exchange's own rules on top.

The additions: data frames are framed once for all connections and written many to a system call; incoming frames are
counted, control frames too; a client that reads too slowly, or answers no ping, is cut; and a connection can be frozen.
"""

import asyncio
import itertools
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.frames import CLOSE, Frame
from websockets.http11 import Request
from websockets.protocol import OPEN

from simulator import metrics
from simulator.handshake import GuardedConnection
from simulator.limits import SlidingWindow
from simulator.requests import Session

MESSAGES_PER_S = 5
WRITE_HIGH_WATER_BYTES = 256 * 1024
MAX_UNREAD_BYTES = 8 * 1024 * 1024
"""A client with more than this in our buffer, beside what the kernel holds, is too slow and is cut."""
TOO_MANY_REQUESTS = 1008

_numbers = itertools.count(1)


class StreamConnection(GuardedConnection):
    """`session` is set when the handshake's path has been read, before any data flows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **(kwargs | {"write_limit": WRITE_HIGH_WATER_BYTES}))
        self.number = next(_numbers)
        self.session = Session(combined=False)
        self.frozen = False
        self.frames_sent = 0
        self._incoming = SlidingWindow(MESSAGES_PER_S, span_s=1.0)
        self._outbox: list[bytes] = []

    def push(self, frame: bytes) -> None:
        """Queue a whole frame until `flush`. What a frozen or ended connection would get is lost."""
        if not self.frozen:
            self._outbox.append(frame)

    def flush(self) -> None:
        """Write the queued frames in one piece; cut a client that has let too much pile up."""
        frames, self._outbox = self._outbox, []
        if self.state is not OPEN or not frames:
            return
        self.transport.write(b"".join(frames))
        self.frames_sent += len(frames)
        metrics.FRAMES_SENT.inc(len(frames))
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.abort("slow")

    def abort(self, reason: str) -> None:
        """Break the TCP connection without a closing handshake."""
        metrics.CONNECTIONS_CUT.labels(reason).inc()
        self.transport.abort()

    def cut(self, code: int, text: str, reason: str) -> None:
        """Send a close frame and end the TCP connection without waiting for the client's."""
        metrics.CONNECTIONS_CUT.labels(reason).inc()
        if self.state is OPEN:
            self.protocol.fail(code, text)
            self.send_data()
        self.transport.close()

    def freeze(self) -> None:
        """Stay open but silent: nothing is sent, no ping is answered, nothing is read."""
        self.frozen = True
        self._outbox.clear()
        self.transport.pause_reading()

    def thaw(self) -> None:
        self.frozen = False
        self.transport.resume_reading()

    def process_event(self, event: Request | Frame) -> None:  # type: ignore[override]
        super().process_event(event)
        if not isinstance(event, Frame) or event.opcode is CLOSE:
            return
        if not self._incoming.admit(self.loop.time()):
            self.cut(TOO_MANY_REQUESTS, "Too many requests", "too_many_messages")

    async def keepalive(self) -> None:
        """Ping every `ping_interval`; cut a client whose oldest unanswered ping is older than `ping_timeout`."""
        interval_s, timeout_s = self.ping_interval or 0.0, self.ping_timeout
        try:
            while True:
                await asyncio.sleep(interval_s)
                if self.frozen:
                    continue
                if timeout_s is not None and self._oldest_ping_age_s() > timeout_s:
                    self.cut(TOO_MANY_REQUESTS, "Pong timeout", "no_pong")
                    return
                async with asyncio.timeout(timeout_s):
                    await self.ping(str(time.time_ns() // 1_000_000))
        except ConnectionClosed:
            return
        except TimeoutError:  # the ping itself found no room to be written
            self.abort("slow")

    def _oldest_ping_age_s(self) -> float:
        return max((self.loop.time() - sent_s for _, sent_s in self.pending_pings.values()), default=0.0)
