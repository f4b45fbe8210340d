"""The last minutes of mini-ticker frames, numbered, so that a subscriber can go on where it was cut off. No I/O.

Packed, since a minute of a whole market is some megabytes. At either bound, of age or of memory, the oldest go.
"""

import secrets
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_LEVEL = 1
_OVERHEAD_BYTES = 150


class Position(NamedTuple):
    """A frame's place: the ring it was in, which is one process's, and its number there."""

    ring: str
    number: int

    def text(self) -> str:
        return f"{self.ring}:{self.number}"


class _Kept(NamedTuple):
    packed: bytes
    at_s: float


@dataclass(slots=True)
class Replay:
    """Frames from `position` on: those that are kept, then those that are published from now on."""

    position: Position
    kept: list[bytes] = field(default_factory=list)

    def frames(self) -> Iterator[bytes]:
        """The kept frames, unpacked one by one."""
        return map(zlib.decompress, self.kept)


@dataclass(slots=True)
class FrameRing:
    """Frames of at most `max_age_s`, in at most `max_bytes`."""

    max_age_s: float
    max_bytes: int
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    size_bytes: int = field(default=0, init=False)
    _next: int = field(default=0, init=False)
    _frames: deque[_Kept] = field(default_factory=deque, init=False)

    def add(self, data: bytes, now_s: float) -> None:
        """Keep a frame that is published at `now_s`."""
        kept = _Kept(zlib.compress(data, _LEVEL), now_s)
        self._frames.append(kept)
        self._next += 1
        self.size_bytes += len(kept.packed) + _OVERHEAD_BYTES
        while self._frames and (self.size_bytes > self.max_bytes or self._frames[0].at_s < now_s - self.max_age_s):
            self.size_bytes -= len(self._frames.popleft().packed) + _OVERHEAD_BYTES

    def replay(self, after: Position | None) -> Replay:
        """What follows the frame `after`, as far as it is kept; without one of this ring, nothing that has been."""
        if after is None or after.ring != self.name or not 0 <= after.number < self._next:
            return Replay(Position(self.name, self._next))
        oldest = self._next - len(self._frames)
        first = max(after.number + 1, oldest)
        return Replay(Position(self.name, first), [kept.packed for kept in list(self._frames)[first - oldest :]])


def read_position(text: str) -> Position | None:
    """The position that `Position.text` has written; None for what is none."""
    ring, _, number = text.partition(":")
    if not ring or not (number.isascii() and number.isdecimal() and len(number) <= 18):
        return None
    return Position(ring, int(number))
