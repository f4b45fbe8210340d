"""Pacing of connections within the exchange's limits: at most so many in any period."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Allowance:
    """`burst` units at once, and no more than `limit` in any window of `period_s`: after a burst, one at a time.

    It never makes the next unit wait for the rest of the period.
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
