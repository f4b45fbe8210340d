"""The exchange's request budget, shared by all requests of this process and by all that uses its address.

Both counts of a minute are kept to, the greater one: ours, which knows the requests under way, and the exchange's own,
which knows the requests of others behind the same address. So processes share one budget without speaking to one
another: each stops at its own share of the common count. No I/O beyond sleeping.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.exchanges.errors import RateLimitedError

_MINUTE_S = 60.0
_LATE_S = 1.0
"""A minute counts as begun so much later than it does: a count of the minute before must not pass for one of this."""
_sleep = asyncio.sleep
_clock_s = time.time
_monotonic_s = time.monotonic


@dataclass(slots=True)
class WeightLimit:
    """Nothing is sent above `max_weight` in a minute of the exchange's clock. `report` gets the reason of each wait."""

    report: Callable[[str], None]
    max_weight: int
    ahead_s: float = 0.0
    """How far the exchange's clock is ahead of ours."""
    _used: int = field(default=0, init=False)
    _minute: int = field(default=0, init=False)
    _blocked_until_s: float = field(default=0.0, init=False)

    @property
    def used(self) -> int:
        """Of the newest minute that is known, by the greater count."""
        return self._used

    async def spend(self, weight: int) -> None:
        """Wait until `weight` fits into the minute, then count it. Safe to cancel.

        Raises `RateLimitedError` at once while the exchange has asked us to stay away.
        """
        while True:
            if (blocked_s := self._blocked_until_s - _monotonic_s()) > 0:
                raise RateLimitedError(blocked_s)
            self._begin_minute()
            if self._used + weight <= self.max_weight:
                self._used += weight
                return
            wait_s = _MINUTE_S - self._time_s() % _MINUTE_S
            self.report(f"within the exchange's limit: going on in {wait_s:.0f} s")
            await _sleep(wait_s)

    def note(self, used: int) -> None:
        """The exchange has counted `used` in this minute, for all requests of our address."""
        self._begin_minute()
        self._used = max(self._used, used)

    def block(self, wait_s: float) -> None:
        """The exchange asks us to stay away for so long."""
        self._blocked_until_s = max(self._blocked_until_s, _monotonic_s() + wait_s)

    def _begin_minute(self) -> None:
        minute = int(self._time_s() // _MINUTE_S)
        # Right at its end, a clock that is set by a second does not bring the last minute back.
        if minute not in (self._minute, self._minute - 1):
            self._minute, self._used = minute, 0

    def _time_s(self) -> float:
        return _clock_s() + self.ahead_s - _LATE_S
