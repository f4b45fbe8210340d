"""The tape's completeness: which ids are missing in an hour, and why. No I/O.

Ids are contiguous for each symbol, so that a missing trade shows once a later one is there. It belongs to the hour of
that later trade: sums over hours are then sums over ids.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

MAX_GAP_IDS = 100_000
"""A longer gap is not fetched: 100 requests, or two hours of the liveliest symbol."""

PENDING = "pending"
"""It is still to be fetched."""
TOO_LONG = "too_long"
"""More than `MAX_GAP_IDS` in a row."""
EXCHANGE_LACKS = "exchange_lacks"
"""The exchange does not have it, or does not know the symbol any more."""


class HourKey(NamedTuple):
    """One hour of one symbol, as the exchange writes it. `start_s` is in Unix time."""

    symbol: str
    start_s: int


class Seen(NamedTuple):
    """What is stored of an hour: first and last id, how many ids, and how many of them were fetched later."""

    first_id: int
    last_id: int
    stored: int
    filled: int


class Gap(NamedTuple):
    """The ids from `first` to `last`, which are missing before a trade of the hour."""

    hour: HourKey
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Coverage:
    """A row of the ledger. `present` came when it was made, `filled` later; `reason` is empty if nothing is missing."""

    hour: HourKey
    first_id: int
    last_id: int
    present: int
    filled: int
    missing: int
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to be fetched."""
        return PENDING not in self.reason


def missing_in(seen: Seen, id_before: int | None) -> int:
    """How many ids are missing, from after `id_before` (the last one before the hour, if there is any) to its end."""
    begin = seen.first_id if id_before is None else id_before + 1
    return max(0, seen.last_id - begin + 1 - seen.stored)


def coverage_of(hour: HourKey, seen: Seen, id_before: int | None, reasons: Iterable[str]) -> Coverage:
    """The row of an hour; without a known reason, what is missing is still to be fetched."""
    missing = missing_in(seen, id_before)
    named = ",".join(sorted(set(reasons))) or PENDING
    return Coverage(
        hour, seen.first_id, seen.last_id, seen.stored - seen.filled, seen.filled, missing, named if missing else ""
    )
