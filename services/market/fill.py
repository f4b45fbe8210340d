"""The progress of the history that fills itself: `market:fill`, and the market API's `/fill`."""

from typing import Annotated, Literal

import msgspec

from services.market.symbols import MAX_SYMBOL_LENGTH

FillState = Literal["filling", "idle", "waiting"]
_Symbol = Annotated[str, msgspec.Meta(max_length=MAX_SYMBOL_LENGTH)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class FillProgress(msgspec.Struct, frozen=True):
    """How far the history of the followed symbols is. `detail` is a sentence for anyone, or empty."""

    state: FillState
    """`waiting`: something is in the way, which `detail` names."""
    symbols_total: int = 0
    symbols_done: int = 0
    current: _Symbol | None = None
    detail: str = ""
    pending: dict[_Symbol, _Count] = {}
    """The followed symbols that are not done, with the steps that each has left: fewer is progress."""
    reason: str = ""
    """Of what is in the way, for the operator alone: it may name addresses and quote other servers."""


ABSENT = FillProgress("waiting", detail="Its process (services.backfill) does not run.")
"""What readers show while there is no such key."""


def decode_fill(document: bytes) -> FillProgress:
    """Raises ValueError or RecursionError for what is none."""
    return _decode(document)


_decode = msgspec.json.Decoder(FillProgress).decode
