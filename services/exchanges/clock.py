"""The exchange's clock, as its events show it. No I/O, no clock of its own.

Our wall clock may run ahead or behind and be set at any time; the exchange's event times may be wrong, of one event or
of all. Neither is believed alone. The estimate starts from our wall clock and runs on by a monotonic one; it follows
small differences at once, and larger ones when events have agreed with one another for `CONFIRM_S`, but never further
than `MAX_OFFSET_MS` from our wall clock.
"""

from dataclasses import dataclass

EARLIEST_MS = 1_230_768_000_000
LATEST_MS = 4_102_444_800_000
"""2009 to 2099: what is outside is no time of an exchange in ms, but one in s or µs."""
TOLERANCE_MS = 10_000
"""An event this far ahead of the exchange's clock is an error: it would shadow every true one until then."""
CONFIRM_S = 3.0
MAX_OFFSET_MS = 86_400_000
"""More than a day is no clock that runs wrong: such events would spoil the history."""
_SMOOTHING = 10


@dataclass(slots=True)
class ExchangeClock:
    """Made with our wall clock (ms) and a monotonic one (s), both now; every call gets the monotonic one."""

    wall_ms: float
    now_s: float
    _offset_ms: float = 0.0
    _other_ms: float | None = None
    _other_since_s: float = 0.0

    def __post_init__(self) -> None:
        self._offset_ms = self.wall_ms - self.now_s * 1_000

    def observe(self, event_ms: int, wall_ms: int, now_s: float) -> None:
        """Note the time of typical events that have just arrived."""
        seen_ms = event_ms - now_s * 1_000
        if abs(event_ms - wall_ms) > MAX_OFFSET_MS:
            self._other_ms = None
        elif abs(seen_ms - self._offset_ms) <= TOLERANCE_MS:
            # Late frames are common, early ones are not: the estimate rises at once and falls slowly.
            step_ms = seen_ms - self._offset_ms
            self._offset_ms += step_ms if step_ms > 0 else step_ms / _SMOOTHING
            self._other_ms = None
        elif self._other_ms is None or abs(seen_ms - self._other_ms) > TOLERANCE_MS:
            self._other_ms, self._other_since_s = seen_ms, now_s
        elif now_s - self._other_since_s >= CONFIRM_S:
            self._offset_ms, self._other_ms = seen_ms, None

    def latest_ms(self, now_s: float) -> int:
        """The latest event time that can be true now."""
        return int(self._offset_ms + now_s * 1_000) + TOLERANCE_MS

    def ahead_ms(self, wall_ms: int, now_s: float) -> int:
        """How far the exchange's clock is ahead of our wall clock; negative when behind."""
        return int(self._offset_ms + now_s * 1_000) - wall_ms


def is_time(ms: int) -> bool:
    """Whether `ms` can be an exchange's time in ms."""
    return EARLIEST_MS <= ms < LATEST_MS
