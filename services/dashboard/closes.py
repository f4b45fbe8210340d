"""Closes of several symbols over one range of time: their bound, and the one query that finds them. No I/O.

A chart of a portfolio needs a price for each coin at its left edge, also where nothing was traded there: each line
begins with the last close before the range. That one comes from the day of the start in the interval asked for, or from
the last daily candle before, so that a coin that stood still for years costs no search through its minutes.
"""

from dataclasses import dataclass
from typing import Final

from services.dashboard.errors import InvalidRequestError
from services.dashboard.history import STEP_S
from services.dashboard.schemas import Interval

MAX_CLOSES: Final = 200_000
"""Candles in one answer: 200 symbols over a month of hours, or 138 over a day of minutes."""
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class ClosesRequest:
    """Candles of `symbols` (lower case) with `start_s` ≤ time < `end_s`. Raises InvalidRequestError for too many."""

    symbols: tuple[str, ...]
    interval: Interval
    source: str
    start_s: int
    end_s: int

    def __post_init__(self) -> None:
        steps = -(-(self.end_s - self.start_s) // STEP_S[self.interval])
        if steps * len(self.symbols) > MAX_CLOSES:
            raise InvalidRequestError(
                f"from: at most {MAX_CLOSES:,} candles in all; choose a later start or a longer interval."
            )

    def parameters(self) -> dict[str, object]:
        return {
            "source": self.source,
            "symbols": [symbol.upper() for symbol in self.symbols],
            "day": self.start_s // DAY_S * DAY_S,
            "start": self.start_s,
            "end": self.end_s,
        }


def closes_query(interval: Interval) -> str:
    """One row a symbol: `s`, and `p`, its [start of the candle in ms, close], ascending."""
    return (
        "SELECT symbol AS s, arraySort(groupArray(point)) AS p FROM ("  # noqa: S608 - our own words
        f"{_points(interval, 'start', 'end')} UNION ALL SELECT symbol, max(point) AS newest FROM ("
        f"{_points(interval, 'day', 'start')} UNION ALL {_points('1d', None, 'day')}"
        ") GROUP BY symbol) GROUP BY symbol"
    )


def _points(interval: Interval, start: str | None, end: str) -> str:
    after = f"AND time >= toDateTime({{{start}:UInt32}}, 'UTC') " if start else ""
    return (
        f"SELECT symbol, (toUnixTimestamp(time) * 1000, close) AS point FROM candles_{interval} "  # noqa: S608
        "WHERE source = {source:String} AND symbol IN {symbols:Array(String)} "
        f"{after}AND time < toDateTime({{{end}:UInt32}}, 'UTC')"
    )
