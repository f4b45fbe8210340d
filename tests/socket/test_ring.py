"""The frames that are kept for a subscriber that comes back."""

from hypothesis import given
from hypothesis import strategies as st

from services.socket.ring import FrameRing, Position, read_position


def filled(number: int, max_age_s: float = 1e9, max_bytes: int = 10**9) -> FrameRing:
    ring = FrameRing(max_age_s, max_bytes)
    for each in range(number):
        ring.add(b"frame %d" % each, each)
    return ring


@given(st.integers(0, 40), st.integers(0, 60))
def test_a_replay_begins_right_after_the_frame_that_is_named(published: int, number: int) -> None:
    ring = filled(published)
    replay = ring.replay(Position(ring.name, number))
    first = min(number + 1, published) if number < published else published
    assert replay.position == Position(ring.name, first)
    assert list(replay.frames()) == [b"frame %d" % each for each in range(first, published)]


def test_another_ring_or_none_begins_with_what_comes_now() -> None:
    ring = filled(5)
    for after in (None, Position("another", 2), Position(ring.name, 5)):
        replay = ring.replay(after)
        assert (replay.position.number, list(replay.frames())) == (5, [])
    assert filled(0).name != filled(0).name


def test_beyond_its_age_a_frame_goes() -> None:
    ring = filled(10, max_age_s=3)
    assert ring.replay(Position(ring.name, 0)).position.number == 6


@given(st.integers(0, 5_000))
def test_its_memory_is_bounded(max_bytes: int) -> None:
    ring = filled(60, max_bytes=max_bytes)
    assert ring.size_bytes <= max_bytes
    replay = ring.replay(Position(ring.name, 0))
    assert list(replay.frames()) == [b"frame %d" % each for each in range(replay.position.number, 60)]


def test_a_position_survives_its_text() -> None:
    assert read_position(Position("ab12", 7).text()) == Position("ab12", 7)
    for text in ("", ":", "ab12", "ab12:", ":7", "ab12:x", "ab12:-1", "ab12:" + "9" * 19, "ab12:\u0661"):
        assert read_position(text) is None
