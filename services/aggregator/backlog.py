"""The mini-tickers that wait for Kafka, oldest first, within a bound of memory. No I/O, no clock.

A few seconds' worth waits as it came. What arrives while that much is waiting is packed to a tenth of its size (about
55 bytes a ticker), so that a market of 3,000 tickers a second fits for ten minutes into some 100 MB. At the bound the
oldest is dropped (see docs/adr/0012-events-to-kafka.md).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from aiokafka.codec import zstd_decode, zstd_encode

from services.market.events import MiniTicker

CHUNK_TICKERS = 2_000
"""The most that one chunk holds, so that none takes long to pack, unpack or send."""
UNPACKED_TICKERS = 10_000
"""How many may wait as they came."""
TICKER_BYTES = 600
"""What an unpacked ticker occupies, about."""
CHUNK_BYTES = 250
"""What a chunk occupies besides."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tickers that arrived together: in order, from one source, at one time."""

    source: str
    receive_ms: int
    count: int
    content: Sequence[MiniTicker] | bytes

    @property
    def size_bytes(self) -> int:
        content = self.content
        return CHUNK_BYTES + (len(content) if isinstance(content, bytes) else len(content) * TICKER_BYTES)

    @property
    def tickers(self) -> Sequence[MiniTicker]:
        content = self.content
        return _decoder.decode(zstd_decode(content)) if isinstance(content, bytes) else content

    def packed(self) -> "Chunk":
        """The same in a tenth of the space."""
        packed = bytes(zstd_encode(_encoder.encode(self.content), level=1))
        return Chunk(self.source, self.receive_ms, self.count, packed)


@dataclass(slots=True)
class Backlog:
    """A queue of chunks whose `size_bytes` never exceeds `max_bytes`; `count` tickers wait in it."""

    max_bytes: int
    count: int = field(default=0, init=False)
    size_bytes: int = field(default=0, init=False)
    _chunks: deque[Chunk] = field(default_factory=deque, init=False)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest arrived; None when nothing waits."""
        return self._chunks[0].receive_ms if self._chunks else None

    def add(self, tickers: Sequence[MiniTicker], source: str, receive_ms: int) -> int:
        """Queue what has arrived. Returns how many tickers, the oldest, had to go for it."""
        for first in range(0, len(tickers), CHUNK_TICKERS):
            part = tickers[first : first + CHUNK_TICKERS]
            chunk = Chunk(source, receive_ms, len(part), part)
            self._append(chunk if self.count < UNPACKED_TICKERS else chunk.packed())
        return self._shed()

    def take(self, limit: int) -> list[Chunk]:
        """Remove and return the oldest chunks: as many as hold at most `limit` tickers together, but at least one."""
        taken: list[Chunk] = []
        room = limit
        while self._chunks and (not taken or self._chunks[0].count <= room):
            taken.append(self._remove_oldest())
            room -= taken[-1].count
        return taken

    def _append(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self.count += chunk.count
        self.size_bytes += chunk.size_bytes

    def _remove_oldest(self) -> Chunk:
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
_decoder = msgspec.msgpack.Decoder(list[MiniTicker])
