"""The events that wait for Kafka, oldest first, within a bound of memory. No I/O, no clock.

A few seconds' worth waits as it came. What arrives while that much is waiting is packed to a tenth of its size (about
55 bytes a mini-ticker), so that a market of 3,000 tickers a second fits for ten minutes into some 100 MB. At the bound
the oldest is dropped (see docs/adr/0012-events-to-kafka.md).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

import msgspec
from aiokafka.codec import zstd_decode, zstd_encode

from services.aggregator.events import E, EventKind

CHUNK_EVENTS = 2_000
"""The most that one chunk holds, so that none takes long to pack, unpack or send."""
UNPACKED_EVENTS = 10_000
"""How many may wait as they came."""
CHUNK_BYTES = 250
"""What a chunk occupies besides."""


@dataclass(slots=True)
class Chunk(Generic[E]):
    """Events in order, from one source, that came at one time unless their kind merges."""

    kind: EventKind[E]
    source: str
    receive_ms: int
    count: int
    content: list[E] | bytes
    size_bytes: int = 0
    mark: object = None
    """Names the last event, to report up to where all is delivered."""

    def __post_init__(self) -> None:
        content = self.content
        self.size_bytes = CHUNK_BYTES + (len(content) if isinstance(content, bytes) else self.kind.size_bytes(content))

    @property
    def events(self) -> Sequence[E]:
        content = self.content
        if not isinstance(content, bytes):
            return content
        return msgspec.msgpack.decode(zstd_decode(content), type=list[self.kind.event_type])  # type: ignore[name-defined]

    def takes(self, more: int) -> bool:
        """Whether so many more events may join."""
        return self.kind.merges and not isinstance(self.content, bytes) and self.count + more <= CHUNK_EVENTS

    def extend(self, events: Sequence[E]) -> None:
        """Let events join that the chunk takes."""
        assert isinstance(self.content, list)  # noqa: S101 - `takes` has seen to it
        self.content.extend(events)
        self.count += len(events)
        self.size_bytes += self.kind.size_bytes(events)

    def packed(self) -> "Chunk[E]":
        """The same in a tenth of the space."""
        if isinstance(self.content, bytes):
            return self
        packed = bytes(zstd_encode(_encoder.encode(self.content), level=1))
        return Chunk(self.kind, self.source, self.receive_ms, self.count, packed, mark=self.mark)


@dataclass(slots=True)
class Backlog(Generic[E]):
    """A queue of chunks whose `size_bytes` never exceeds `max_bytes`; `count` events wait in it."""

    kind: EventKind[E]
    max_bytes: int
    count: int = field(default=0, init=False)
    size_bytes: int = field(default=0, init=False)
    _chunks: deque[Chunk[E]] = field(default_factory=deque, init=False)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest arrived; None when nothing waits."""
        return self._chunks[0].receive_ms if self._chunks else None

    def add(self, events: Sequence[E], source: str, receive_ms: int) -> int:
        """Queue what has arrived. Returns how many events, the oldest, had to go for it."""
        for first in range(0, len(events), CHUNK_EVENTS):
            part = events[first : first + CHUNK_EVENTS]
            if self._chunks and self._chunks[-1].takes(len(part)):
                self._extend_newest(part)
            else:
                self._pack_newest()
                self._append(Chunk(self.kind, source, receive_ms, len(part), list(part)))
            if not self.kind.merges:
                self._pack_newest()
        return self._shed()

    def mark(self, mark: object) -> bool:
        """Name the newest event; False if none waits."""
        if self._chunks:
            self._chunks[-1].mark = mark
        return bool(self._chunks)

    def take(self, limit: int) -> list[Chunk[E]]:
        """Remove and return the oldest chunks: as many as hold at most `limit` events together, but at least one."""
        taken: list[Chunk[E]] = []
        room = limit
        while self._chunks and (not taken or self._chunks[0].count <= room):
            taken.append(self._remove_oldest())
            room -= taken[-1].count
        return taken

    def _append(self, chunk: Chunk[E]) -> None:
        self._chunks.append(chunk)
        self.count += chunk.count
        self.size_bytes += chunk.size_bytes

    def _extend_newest(self, events: Sequence[E]) -> None:
        newest = self._chunks[-1]
        before_bytes = newest.size_bytes
        newest.extend(events)
        self.count += len(events)
        self.size_bytes += newest.size_bytes - before_bytes

    def _pack_newest(self) -> None:
        """Pack the newest chunk if as much as may wait unpacked was there before it."""
        if self._chunks and self.count - self._chunks[-1].count >= UNPACKED_EVENTS:
            newest = self._chunks.pop()
            self.count -= newest.count
            self.size_bytes -= newest.size_bytes
            self._append(newest.packed())

    def _remove_oldest(self) -> Chunk[E]:
        chunk = self._chunks.popleft()
        self.count -= chunk.count
        self.size_bytes -= chunk.size_bytes
        return chunk

    def _shed(self) -> int:
        shed = 0
        while self.size_bytes > self.max_bytes:
            shed += self._remove_oldest().count
        return shed


_encoder = msgspec.msgpack.Encoder()
