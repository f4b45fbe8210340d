"""Pacing of requests within the exchange's limits: at most so many units in any period."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Budget:
    """At most `limit` units are spent in any window of `period_s`. Callers are served in the order they came."""

    limit: int
    period_s: float
    _spent: deque[tuple[float, int]] = field(default_factory=deque)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def spend(self, units: int = 1) -> None:
        """Wait until `units` (≤ `limit`) fit, then spend them. Cancelling spends nothing."""
        async with self._turn:
            while (wait_s := self.wait_s(time.monotonic(), units)) > 0:  # noqa: ASYNC110 - time passes by itself
                await asyncio.sleep(wait_s)
            self._spent.append((time.monotonic(), units))

    def wait_s(self, now_s: float, units: int) -> float:
        """How long from `now_s` until `units` fit; 0 if they do."""
        while self._spent and self._spent[0][0] <= now_s - self.period_s:
            self._spent.popleft()
        excess = sum(cost for _, cost in self._spent) + units - self.limit
        for spent_at_s, cost in self._spent:
            if excess <= 0:
                break
            excess -= cost
            wait_until_s = spent_at_s + self.period_s
            if excess <= 0:
                return max(wait_until_s - now_s, 0.001)
        return 0.0


@dataclass(slots=True)
class Allowance:
    """`burst` units at once, and no more than `limit` in any window of `period_s`: after a burst, one at a time.

    Unlike `Budget` it never makes the next unit wait for the rest of the period.
    """

    limit: int
    period_s: float
    burst: int
    _full_at_s: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def spend(self) -> None:
        """Wait until a unit may be spent, then spend it. Cancelling spends nothing."""
        async with self._turn:
            await asyncio.sleep(self.wait_s(time.monotonic()))
            self.take(time.monotonic())

    def take(self, now_s: float) -> None:
        """Spend a unit at `now_s`."""
        self._full_at_s = max(self._full_at_s, now_s) + self._interval_s

    def wait_s(self, now_s: float) -> float:
        """How long from `now_s` until the next unit; 0 if it may be spent now."""
        return max(self._full_at_s - (self.burst - 1) * self._interval_s - now_s, 0.0)

    @property
    def _interval_s(self) -> float:
        return self.period_s / (self.limit - self.burst)
