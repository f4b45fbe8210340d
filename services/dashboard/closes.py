"""Closes of several symbols over one range of time: their bound, and the one query that finds them. No I/O.

A chart of a portfolio needs a price for each coin at its left edge, also where nothing was traded there: each line
begins with the last close before the range. That one is looked for in ever longer candles: in seconds since the minute
began, in minutes since the hour began, in hours since the day began, then in days. So it costs at most some 150 candles
and the days, also for a coin that stood still for years.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.dashboard.errors import InvalidRequestError
from services.dashboard.history import STEP_S
from services.market_api.answers import Interval

MAX_CLOSES = 200_000
"""Candles in one answer: 200 symbols over a month of hours, or 138 over a day of minutes."""
_LONGER: dict[Interval, Interval] = {"1s": "1m", "1m": "1h", "1h": "1d"}


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
            "start": self.start_s,
            "end": self.end_s,
            **{_floor(interval): self.start_s // step_s * step_s for interval, step_s in STEP_S.items()},
        }


def closes_query(interval: Interval) -> str:
    """One row a symbol: `s`, and `p`, its [start of the candle in ms, close], ascending."""
    before = " UNION ALL ".join(_points(*window) for window in look_back(interval))
    return (
        "SELECT symbol AS s, arraySort(groupArray(point)) AS p FROM ("  # noqa: S608 - our own words
        f"{_points(interval, 'start', 'end')} UNION ALL "
        f"SELECT symbol, max(point) AS newest FROM ({before}) GROUP BY symbol) GROUP BY symbol"
    )


def look_back(interval: Interval) -> Iterator[tuple[Interval, str | None, str]]:
    """Where the last close before the range may be: candles, and the names of the parameters that bound their time."""
    end = "start"
    while longer := _LONGER.get(interval):
        yield interval, _floor(longer), end
        interval, end = longer, _floor(longer)
    yield interval, None, end


def _floor(interval: Interval) -> str:
    return f"start_{interval}"


def _points(interval: Interval, start: str | None, end: str) -> str:
    after = f"AND time >= toDateTime({{{start}:UInt32}}, 'UTC') " if start else ""
    return (
        f"SELECT symbol, (toUnixTimestamp(time) * 1000, close) AS point FROM candles_{interval} "  # noqa: S608
        "WHERE source = {source:String} AND symbol IN {symbols:Array(String)} "
        f"{after}AND time < toDateTime({{{end}:UInt32}}, 'UTC')"
    )
