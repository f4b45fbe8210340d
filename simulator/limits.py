"""Counting against a limit: no I/O, times are handed in."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

MAX_ADDRESSES = 1024

T = TypeVar("T")


class ByAddress(Generic[T]):
    """One counter for each client address; the address first seen is forgotten when there are too many."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._counters: dict[str, T] = {}

    def of(self, address: str) -> T:
        if address not in self._counters:
            if len(self._counters) >= MAX_ADDRESSES:
                del self._counters[next(iter(self._counters))]
            self._counters[address] = self._make()
        return self._counters[address]


class SlidingWindow:
    """At most `limit` events in any `span_s` seconds; 0 means no limit."""

    def __init__(self, limit: int, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._times_s: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        """Count an event; False when it is one too many (it counts all the same, as on the exchange)."""
        if self._limit == 0:
            return True
        while self._times_s and self._times_s[0] <= now_s - self._span_s:
            self._times_s.popleft()
        self._times_s.append(now_s)
        if len(self._times_s) <= self._limit:
            return True
        self._times_s.popleft()
        return False


class MinuteMeter:
    """Request weight used in the current clock minute, as Binance's `X-MBX-USED-WEIGHT-1M` counts it."""

    def __init__(self) -> None:
        self._minute = 0
        self._used = 0

    def use(self, weight: int, now_s: float) -> int:
        """Count `weight` and return what has been used in this minute."""
        minute = int(now_s // 60)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self._used += weight
        return self._used
