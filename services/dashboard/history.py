"""The candles that a request for history means, and the queries that find them. No I/O.

ClickHouse aggregates all that a view is asked for before it takes the first rows of it. So a page is looked for in a
window of time that may hold just as many candles, then in ever wider ones: `Window`. Once the page's ends are known,
its candles are read by them, in the format of the request.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.dashboard.errors import InvalidRequestError
from services.market_api.answers import Interval
from services.market_api.parameters import HistoryFormat

STEP_S: dict[Interval, int] = {"1s": 1, "1m": 60, "1h": 3600, "1d": 86_400}
MAX_TIME_S = 2**32 - 1
"""The last second of DateTime, in 2106."""
WIDER = 16
SETTLED_AFTER_S = 3600
"""What was late, or missing and back-filled, has mostly come by then."""

_MS = re.compile(r"[0-9]{1,7}|[0-9]{9,15}")
"""Eight digits are a date: 20260131."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Times in seconds: candles with `start_s` ≤ time < `end_s`; no start: the last ones."""

    symbol: str
    interval: Interval
    source: str
    start_s: int | None
    end_s: int
    limit: int
    form: HistoryFormat

    @property
    def step_s(self) -> int:
        return STEP_S[self.interval]

    @property
    def forward(self) -> bool:
        return self.start_s is not None

    def parameters(self, start_s: int, end_s: int) -> dict[str, object]:
        return {"source": self.source, "symbol": self.symbol.upper(), "start": start_s, "end": end_s}

    def windows(self) -> Iterator["Window"]:
        """Where to look for the page, ever wider; the last one holds all there is."""
        width_s = (self.limit + 1) * self.step_s
        first_s = self.start_s or 0
        while True:
            if self.forward:
                window = Window(first_s, min(self.end_s, first_s + width_s), first_s + width_s >= self.end_s)
            else:
                window = Window(max(0, self.end_s - width_s), self.end_s, width_s >= self.end_s)
            yield window
            if window.whole:
                return
            width_s *= WIDER


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time to look in; `whole` when the request reaches no further."""

    start_s: int
    end_s: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The candles from `start_s` up to `end_s`, which are at most as many as asked for."""

    start_s: int
    end_s: int
    next_s: int | None = None
    previous_s: int | None = None

    @property
    def next_ms(self) -> int | None:
        return None if self.next_s is None else self.next_s * 1000

    @property
    def previous_ms(self) -> int | None:
        return None if self.previous_s is None else self.previous_s * 1000

    def settled(self, now_s: float) -> bool:
        """Whether its candles have most likely found their last form."""
        return self.end_s + SETTLED_AFTER_S <= now_s


def page_without_lookup(request: Request) -> Page | None:
    """The page of a request whose whole range cannot hold more candles than asked for."""
    start_s, end_s = request.start_s, request.end_s
    if start_s is None:
        return None
    return Page(start_s, end_s) if end_s - start_s <= request.limit * request.step_s else None


def page_in(request: Request, window: Window, found: int, first_s: int, last_s: int) -> Page | None:
    """The page, if the window holds it whole: it holds `found` (≤ limit + 1) candles from `first_s` to `last_s`."""
    if found <= request.limit:
        return Page(window.start_s, window.end_s) if window.whole else None
    if request.forward:
        return Page(window.start_s, last_s, next_s=last_s)
    start_s = first_s + request.step_s
    return Page(start_s, window.end_s, previous_s=start_s)


def parse_time_s(name: str, text: str) -> int:
    """Milliseconds or ISO 8601 (UTC if it has no offset), as the first whole second not before it."""
    return min(-(-parse_time_ms(name, text) // 1000), MAX_TIME_S)


def parse_time_ms(name: str, text: str) -> int:
    """Milliseconds or ISO 8601 (UTC if it has no offset), as the first whole millisecond not before it."""
    if _MS.fullmatch(text):
        return min(int(text), MAX_TIME_S * 1000)
    try:
        # A plus that was not escaped in the query arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError(f"{name}: a time in milliseconds or ISO 8601, like 2026-01-31T12:00:00Z.") from error
    return min(max(0, -(-us // 1000)), MAX_TIME_S * 1000)


_RANGE = (
    "FROM candles_{interval} WHERE source = {{source:String}} AND symbol = {{symbol:String}} "
    "AND time >= toDateTime({{start:UInt32}}, 'UTC') AND time < toDateTime({{end:UInt32}}, 'UTC')"
)


def ends_query(request: Request) -> str:
    """How many candles a window holds, limit + 1 at most, and the first and last of these."""
    order = "ASC" if request.forward else "DESC"
    inner = f"SELECT time {_range(request)} ORDER BY time {order} LIMIT {request.limit + 1}"
    return f"SELECT count(), toUnixTimestamp(min(time)), toUnixTimestamp(max(time)) FROM ({inner})"  # noqa: S608


def candles_query(request: Request) -> str:
    """The candles of a page, with the names and times of the format."""
    return f"SELECT {_COLUMNS[request.form]} {_range(request)} ORDER BY time"


def _range(request: Request) -> str:
    return _RANGE.format(interval=request.interval)


_FIGURES = "open, high, low, close, volume, quote_volume, volume_24h, quote_volume_24h, trades"
# The engine divides in rows that it will not show, too: none may divide by 0.
_VWAP = (
    "if(volume > 0, accurateCastOrNull(divideDecimal(quote_volume, ifNull(nullIf(volume, 0), 1), 18), "
    "'Decimal(38, 18)'), NULL) AS vwap"
)
_COLUMNS: dict[HistoryFormat, str] = {
    "json": "toUnixTimestamp(time) * 1000 AS t, open AS o, high AS h, low AS l, close AS c, volume AS v, "
    "quote_volume AS q, volume_24h AS v24, quote_volume_24h AS q24, "
    f"trades AS n, {_VWAP}",
    "csv": f"time, {_FIGURES}, {_VWAP}",
    # Seconds since 1970 would be bare integers there.
    "arrow": f"toDateTime64(time, 3, 'UTC') AS time, {_FIGURES}, {_VWAP}",
    "parquet": f"toDateTime64(time, 3, 'UTC') AS time, {_FIGURES}, {_VWAP}",
}
