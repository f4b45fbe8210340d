"""Content encodings in both directions, streamed.

A body may hold several frames one after the other: clickhouse-connect writes one for each block. A decoder that stops
at the end of the first loses the rest without a word, so that ours goes on, and knows whether the last one is whole.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import lz4.frame  # type: ignore[import-untyped]

from deploy.local.clickhouse.errors import Code, error

if sys.version_info >= (3, 14):
    from compression import zstd as zstd  # for the tests, too
else:
    from backports import zstd as zstd

PIECE_BYTES = 1 << 20
"""A small frame may hold gigabytes: what is decoded comes in pieces of at most this size."""
_ZLIB_LEVEL = 3


class _Frame(Protocol):
    """One compressed frame, as `bz2`, `lz4` and `zstd` all read them."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _ZlibFrame:
    """The same for zlib, which keeps account of its input differently."""

    def __init__(self, wbits: int) -> None:
        self._frame = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._frame.decompress(self._frame.unconsumed_tail + data, max_length)
        self.needs_input = not self._frame.unconsumed_tail and len(out) < max_length
        return out


_FRAMES: dict[str, Callable[[], Any]] = {
    "gzip": lambda: _ZlibFrame(31),
    "deflate": lambda: _ZlibFrame(15),
    "zstd": zstd.ZstdDecompressor,
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


class Decoder:
    """Undoes a Content-Encoding. Feed it the body, then `finish`."""

    def __init__(self, encoding: str) -> None:
        """Raises DatabaseError for an encoding that is not known."""
        self._plain = encoding in ("", "identity")
        self._new: Callable[[], _Frame] = _FRAMES.get(encoding, _FRAMES["zstd"])
        self._frame: _Frame | None = None
        if not self._plain and encoding not in _FRAMES:
            raise error(Code.NOT_IMPLEMENTED, f"Content-Encoding {encoding} is not supported")

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` holds, in pieces. Raises DatabaseError when it is no such encoding."""
        if self._plain:
            if data:
                yield data
            return
        try:
            yield from self._frames(data)
        except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as broken:
            raise error(Code.INCORRECT_DATA, f"The body cannot be decompressed: {broken}") from broken

    def _frames(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame is None:
                self._frame = self._new()
            piece = self._frame.decompress(data, PIECE_BYTES)
            while piece or not (self._frame.eof or self._frame.needs_input):
                yield piece
                if self._frame.eof or self._frame.needs_input:
                    break
                piece = self._frame.decompress(b"", PIECE_BYTES)
            if not self._frame.eof:
                return
            data = self._frame.unused_data
            self._frame = None

    def finish(self) -> None:
        """Raises DatabaseError when the last frame is not whole."""
        if self._frame is not None:
            raise error(Code.CANNOT_READ_ALL_DATA, "The compressed body ends within a frame")


class Encoder(Protocol):
    """Compresses an answer. The last call is `finish`."""

    def encode(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Plain:
    def encode(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._frame = zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, wbits)
        self.encode = self._frame.compress

    def finish(self) -> bytes:
        return self._frame.flush()


class _Zstd:
    def __init__(self) -> None:
        self._frame = zstd.ZstdCompressor()
        self.encode = self._frame.compress

    def finish(self) -> bytes:
        return self._frame.flush()


class _Lz4:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def encode(self, data: bytes) -> bytes:
        return self._begin() + bytes(self._frame.compress(data))

    def finish(self) -> bytes:
        return self._begin() + bytes(self._frame.flush())

    def _begin(self) -> bytes:
        begun, self._begun = self._begun, True
        return b"" if begun else bytes(self._frame.begin())


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4,
    "zstd": _Zstd,
    "gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
}
"""The cheapest first: that is what a client gets which takes several."""


def choose_encoding(accept: str) -> str:
    """The Content-Encoding for an Accept-Encoding header; an empty text for none."""
    wanted = [entry.partition(";") for entry in accept.lower().replace(" ", "").split(",")]
    taken = {name for name, _, weight in wanted if weight not in ("q=0", "q=0.0")}
    return next((name for name in ENCODERS if name in taken or "*" in taken), "")


def encoder(encoding: str) -> Encoder:
    return ENCODERS.get(encoding, _Plain)()
