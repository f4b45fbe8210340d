"""Planning of requests: the missing candles of a span, and how to cover them with few pages. No I/O.

A candle is named by its number, its start divided by its interval's length; a span is half open, [first, end).
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.backfill.errors import UsageError
from services.market.symbols import normal_symbol

PAGE_SIZE = 1_000
"""As many klines as the exchange gives at once."""
SETTLE_MS = 5_000
"""A kline counts as closed once it has been over for so long: the exchange's REST may lag behind its trades."""

_MS = re.compile(r"[0-9]{10,13}")
"""Eight digits are a date: 20260131."""
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Interval:
    name: str
    length_ms: int


INTERVALS = {
    name: Interval(name, length_ms)
    for name, length_ms in (("1s", 1_000), ("1m", 60_000), ("1h", 3_600_000), ("1d", _DAY_MS))
}


@dataclass(frozen=True, slots=True)
class Span:
    """The candles `first` … `end` − 1 of an interval."""

    interval: Interval
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def pieces(self, size: int) -> Iterator["Span"]:
        """The span cut into parts of at most `size` candles, in order."""
        for first in range(self.first, self.end, size):
            yield Span(self.interval, first, min(first + size, self.end))


def closed_span(interval: Interval, from_ms: int, to_ms: int, now_ms: int) -> Span:
    """The candles that lie whole within [from_ms, to_ms) and are over at `now_ms`; the first one may begin earlier.

    The candle around `from_ms` belongs to it, so that a day's candle is there when an hour of that day is wanted.
    """
    end_ms = min(to_ms, now_ms - SETTLE_MS)
    first, end = from_ms // interval.length_ms, end_ms // interval.length_ms
    return Span(interval, first, max(first, end))


def next_page(missing: Sequence[int], position: int) -> tuple[int, int] | None:
    """The next page that is worth asking for: its first candle, not before `position`, and how many rows.

    It begins and ends with a candle of `missing` (ascending); what lies between may be there already. None: nothing is
    missing.
    """
    start = bisect_left(missing, position)
    if start == len(missing):
        return None
    first = missing[start]
    last = missing[bisect_left(missing, first + PAGE_SIZE) - 1]
    return first, last - first + 1


def between(missing: Sequence[int], first: int, end: int) -> Sequence[int]:
    """Those of `missing` (ascending) in [first, end)."""
    return missing[bisect_left(missing, first) : bisect_left(missing, end)]


def ranges(numbers: Collection[int]) -> list[tuple[int, int]]:
    """The numbers as [first, end) ranges, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found


def symbol_of(text: str) -> str:
    """The symbol as the exchange writes it. Raises `UsageError`."""
    if normal_symbol(text) is None:
        raise UsageError(f"{text[:50]!r} cannot be a symbol")
    return text.upper()


def interval_of(text: str) -> Interval:
    """Raises `UsageError`."""
    if text not in INTERVALS:
        raise UsageError(f"{text[:50]!r} is not an interval; there are {', '.join(INTERVALS)}")
    return INTERVALS[text]


def time_ms(text: str) -> int:
    """ISO 8601 (a date, or a date and time; UTC unless it has an offset) or ms since 1970. Raises `UsageError`."""
    if _MS.fullmatch(text):
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text[:50]!r} is not a time; write 2026-01-31, 2026-01-31T12:00Z or ms since 1970") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return int(time.timestamp() * 1_000)


def time_text(ms: int) -> str:
    """As a person reads it, in UTC."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
