"""The coverage ledger of the tape: what of a symbol's trades is there, hour by hour. No I/O."""

import time
from dataclasses import dataclass

import msgspec

from services.dashboard.errors import InvalidRequestError

HOUR_S = 3600
MAX_HOURS = 10_000
DEFAULT_HOURS = 7 * 24

QUERY = (
    "SELECT toUnixTimestamp(hour) * 1000 AS t, first_id AS first, last_id AS last, present, filled, missing, "
    "nullIf(toString(reason), '') AS reason FROM trade_coverage FINAL WHERE source = {source:String} "
    "AND symbol = {symbol:String} AND hour >= toDateTime({start:UInt32}, 'UTC') "
    "AND hour < toDateTime({end:UInt32}, 'UTC') ORDER BY t"
)


class Hour(msgspec.Struct, frozen=True):
    """One hour, as the ledger has it."""

    t: int
    first: int
    last: int
    present: int
    filled: int
    missing: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class CoverageRequest:
    """The hours with `start_s` ≤ time < `end_s`; `only_missing`: of them those of which trades are missing."""

    symbol: str
    source: str
    start_s: int
    end_s: int
    only_missing: bool = False

    def parameters(self) -> dict[str, object]:
        return {"source": self.source, "symbol": self.symbol.upper(), "start": self.start_s, "end": self.end_s}


def range_s(from_s: int | None, to_s: int | None) -> tuple[int, int]:
    """Start and end; by default the last week. Raises InvalidRequestError for more than `MAX_HOURS`."""
    end_s = int(time.time()) + 1 if to_s is None else to_s
    start_s = max(0, end_s - DEFAULT_HOURS * HOUR_S) if from_s is None else min(from_s, end_s)
    if end_s - start_s > MAX_HOURS * HOUR_S:
        raise InvalidRequestError(f"from: at most {MAX_HOURS:,} hours before to.")
    return start_s, end_s


def document(request: CoverageRequest, rows: bytes) -> bytes:
    """The answer, from the rows of `QUERY` as JSON lines. The sums are those of all hours in any case."""
    hours = msgspec.json.Decoder(Hour).decode_lines(rows)
    return msgspec.json.encode(
        {
            "symbol": request.symbol,
            "source": request.source,
            "from": request.start_s * 1000,
            "to": request.end_s * 1000,
            "present": sum(hour.present for hour in hours),
            "filled": sum(hour.filled for hour in hours),
            "missing": sum(hour.missing for hour in hours),
            "hours": [hour for hour in hours if hour.missing or not request.only_missing],
        }
    )
