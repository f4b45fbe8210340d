"""At most one log line per subject and period, for what an outsider can cause at any rate."""

import time
from dataclasses import dataclass, field

MAX_SUBJECTS = 1_000


@dataclass(slots=True)
class Throttle:
    """`permits` is True for the first of a subject in each `period_s`."""

    period_s: float = 60.0
    _next_s: dict[str, float] = field(default_factory=dict)

    def permits(self, subject: str = "", now_s: float | None = None) -> bool:
        """Whether to log one more about `subject` now."""
        now_s = time.monotonic() if now_s is None else now_s
        if now_s < self._next_s.get(subject, now_s):
            return False
        if len(self._next_s) >= MAX_SUBJECTS:
            self._next_s.clear()
        self._next_s[subject] = now_s + self.period_s
        return True
