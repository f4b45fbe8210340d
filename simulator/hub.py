"""Who listens to which stream, and getting payloads to them: each framed once, however many listen."""

import asyncio

from simulator import metrics
from simulator.connection import StreamConnection
from simulator.frames import text_frame, wrapped

DRAIN_TIMEOUT_S = 10.0


class Hub:
    """The open connections and their subscriptions. Frames published in one turn of the loop are written together."""

    def __init__(self) -> None:
        self.connections: set[StreamConnection] = set()
        self._listeners: dict[str, set[StreamConnection]] = {}
        self._dirty: set[StreamConnection] = set()
        self._updated = asyncio.Event()

    def join(self, connection: StreamConnection) -> None:
        """Start sending what the connection's session lists."""
        self.connections.add(connection)
        metrics.CONNECTIONS.set(len(self.connections))
        self.update(connection, before=())

    def leave(self, connection: StreamConnection) -> None:
        self.connections.discard(connection)
        self._dirty.discard(connection)
        metrics.CONNECTIONS.set(len(self.connections))
        self._forget(connection, connection.session.streams)

    def update(self, connection: StreamConnection, before: tuple[str, ...]) -> None:
        """Follow a change of the connection's session; `before` is what it listed until now."""
        self._forget(connection, dict.fromkeys(set(before) - connection.session.streams.keys()))
        for stream in connection.session.streams:
            self._listeners.setdefault(stream, set()).add(connection)
        self._updated.set()

    def listeners(self, stream: str) -> int:
        return len(self._listeners.get(stream, ()))

    async def listened(self, stream: str) -> None:
        """Wait until a client listens to `stream`. Safe to cancel."""
        while not self.listeners(stream):
            self._updated.clear()
            await self._updated.wait()

    def publish(self, stream: str, payload: bytes) -> int:
        """Queue an event for all that listen to `stream`; returns how many that are."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return 0
        raw = combined = b""
        for connection in listeners:
            if connection.session.combined:
                combined = combined or text_frame(wrapped(stream, payload))
                connection.push(combined)
            else:
                raw = raw or text_frame(payload)
                connection.push(raw)
        self._mark_dirty(listeners)
        return len(listeners)

    def publish_verbatim(self, stream: str, text: bytes) -> int:
        """Queue `text` as it is, unwrapped, for all that listen to `stream`; returns how many that are."""
        listeners = self._listeners.get(stream, set())
        return self._send(listeners, text)

    def send_to_all(self, payload: bytes) -> int:
        """Queue an unwrapped message for every connection; returns how many there are."""
        return self._send(self.connections, payload)

    def flush(self) -> None:
        """Write what is queued. Happens by itself at the end of the loop's turn."""
        dirty, self._dirty = self._dirty, set()
        for connection in dirty:
            connection.flush()

    async def drained(self) -> None:
        """Wait until every client has taken most of what was sent; one that takes longer than 10 s is cut.

        Safe to cancel.
        """
        deadline_s = asyncio.get_running_loop().time() + DRAIN_TIMEOUT_S
        for connection in [c for c in self.connections if c.paused and not c.frozen]:
            try:
                async with asyncio.timeout_at(deadline_s):
                    await connection.drain()
            except TimeoutError:
                connection.abort("slow")

    def _send(self, connections: set[StreamConnection], payload: bytes) -> int:
        frame = text_frame(payload)
        for connection in connections:
            connection.push(frame)
        self._mark_dirty(connections)
        return len(connections)

    def _mark_dirty(self, connections: set[StreamConnection]) -> None:
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self.flush)
        self._dirty |= connections

    def _forget(self, connection: StreamConnection, streams: dict[str, None]) -> None:
        for stream in streams:
            listeners = self._listeners.get(stream, set())
            listeners.discard(connection)
            if not listeners:
                self._listeners.pop(stream, None)
