"""The value of `market:resume`: the last mini-ticker frame in Kafka, and the times of which frames are missing."""

import msgspec


class Break(msgspec.Struct, frozen=True):
    """Frames from `from_ms` to `to_ms` that were never received; `frames` is their number, None if that is unknown."""

    from_ms: int
    to_ms: int
    frames: int | None
    reason: str
    """`socket_restarted`, `too_long` (more than socket keeps), or `store_away` (where to go on was not known)."""


class ResumeState(msgspec.Struct, frozen=True):
    """The frame is socket's `number` in its `ring`, which arrived at `receive_ms`; an empty ring is none."""

    ring: str = ""
    number: int = 0
    receive_ms: int = 0
    breaks: tuple[Break, ...] = ()


def encode_resume_state(state: ResumeState) -> bytes:
    return msgspec.json.encode(state)


def decode_resume_state(value: bytes) -> ResumeState:
    """The empty state for what cannot be one."""
    try:
        return _decode(value)
    except (ValueError, RecursionError):
        return ResumeState()


_decode = msgspec.json.Decoder(ResumeState).decode
