"""Content encodings: any number of frames, cut anywhere."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame  # type: ignore[import-untyped]
import pytest
from clickhouse_connect.driver.compression import get_compressor
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.codecs import ENCODERS, PIECE_BYTES, Decoder, choose_encoding, encoder, zstd
from deploy.local.clickhouse.errors import DatabaseError

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}
encodings = pytest.mark.parametrize("encoding", list(COMPRESS))


def decode(encoding: str, chunks: list[bytes]) -> bytes:
    decoder = Decoder(encoding)
    pieces = [piece for chunk in chunks for piece in decoder.feed(chunk)]
    decoder.finish()
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@encodings
@given(frames=st.lists(st.binary(max_size=400), min_size=1, max_size=5), size=st.integers(1, 50))
def test_all_frames_are_read_however_they_are_cut(encoding: str, frames: list[bytes], size: int) -> None:
    body = b"".join(COMPRESS[encoding](frame) for frame in frames)
    assert decode(encoding, [body[at : at + size] for at in range(0, len(body), size)]) == b"".join(frames)


@pytest.mark.parametrize(
    ("encoding", "first_frame_only"),
    [
        ("lz4", lambda body: lz4.frame.LZ4FrameDecompressor().decompress(body)),
        ("zstd", lambda body: zstd.ZstdDecompressor().decompress(body)),
    ],
)
def test_the_clients_blocks_are_frames_of_which_a_plain_decoder_reads_the_first(
    encoding: str, first_frame_only: Callable[[bytes], bytes]
) -> None:
    compressor = get_compressor(encoding)
    body = bytes(compressor.compress_block(b"one")) + bytes(compressor.compress_block(b"two"))
    assert first_frame_only(body) == b"one"  # and no error: this is how rows are lost
    assert decode(encoding, [body]) == b"onetwo"


@encodings
def test_a_frame_that_is_cut_off_is_an_error(encoding: str) -> None:
    body = COMPRESS[encoding](b"x" * 1000)
    with pytest.raises(DatabaseError, match="ends within a frame"):
        decode(encoding, [body[:-1]])


@encodings
def test_a_body_that_is_not_compressed_is_an_error(encoding: str) -> None:
    with pytest.raises(DatabaseError, match="cannot be decompressed"):
        decode(encoding, [b"INSERT INTO t FORMAT CSV\n" * 20])


@encodings
def test_a_small_frame_that_holds_much_comes_in_pieces(encoding: str) -> None:
    much = b"\0" * (5 * PIECE_BYTES + 7)
    body = COMPRESS[encoding](much)
    assert len(body) < PIECE_BYTES // 8
    assert decode(encoding, [body]) == much


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(DatabaseError) as raised:
        Decoder("br")
    assert raised.value.status == 501


@pytest.mark.parametrize("encoding", list(ENCODERS))
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_what_is_encoded_can_be_decoded(encoding: str, parts: list[bytes]) -> None:
    made = encoder(encoding)
    body = b"".join(bytes(made.encode(part)) for part in parts) + made.finish()
    assert decode(encoding, [body]) == b"".join(parts)


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip, deflate", "gzip"),
        ("lz4,zstd,br,gzip,deflate", "lz4"),
        ("gzip;q=0, zstd;q=0.5", "zstd"),
        ("br", ""),
        ("identity", ""),
        ("", ""),
        ("*", "lz4"),
    ],
)
def test_the_cheapest_encoding_that_is_accepted_is_used(accept: str, encoding: str) -> None:
    assert choose_encoding(accept) == encoding
