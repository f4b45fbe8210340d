"""The progress of the history that fills itself: `market:fill`, and the market API's `/fill`."""

from typing import Literal

import msgspec

from services.market.symbols import MAX_SYMBOL_LENGTH

FillState = Literal["filling", "idle", "waiting"]


class FillProgress(msgspec.Struct, frozen=True):
    """How far the history of the followed symbols is. `detail` is a sentence, or empty."""

    state: FillState
    """`waiting`: something is in the way, which `detail` names."""
    symbols_total: int = 0
    symbols_done: int = 0
    current: str | None = None
    detail: str = ""


ABSENT = FillProgress("waiting", detail="Its process (services.backfill) does not run.")
"""What readers show while there is no such key."""


def decode_fill(document: bytes) -> FillProgress:
    """Raises ValueError or RecursionError for what is none."""
    progress = _decode(document)
    if progress.current is not None and len(progress.current) > MAX_SYMBOL_LENGTH:
        raise ValueError("no symbol is that long")
    return progress


_decode = msgspec.json.Decoder(FillProgress).decode
