"""Acceptance and rejection of events, by kind of stream. A rule without I/O."""

import math
from dataclasses import dataclass

NOTABLE_REJECTIONS = 3


@dataclass(slots=True)
class Flow:
    """When events of one kind were last accepted and last rejected, and why."""

    name: str
    accepted_s: float = -math.inf
    rejected_s: float = -math.inf
    rejected_in_row: int = 0
    cause: str = ""

    def accept(self, now_s: float) -> None:
        self.accepted_s, self.rejected_in_row = now_s, 0

    def reject(self, cause: str, now_s: float) -> None:
        self.rejected_s, self.cause = now_s, cause
        self.rejected_in_row += 1

    def age_s(self, now_s: float) -> float:
        """Time since the last accepted event; infinite before the first."""
        return now_s - self.accepted_s

    def silence(self, now_s: float, max_age_s: float) -> str | None:
        """One line on a stream that must never be quiet: no event accepted within `max_age_s`, and the cause."""
        if self.age_s(now_s) <= max_age_s:
            return None
        age = f"for {self.age_s(now_s):.0f} s" if math.isfinite(self.accepted_s) else "yet"
        return f"no {self.name} accepted {age}" + (f": {self.cause}" if self._rejects(now_s, max_age_s) else "")

    def rejection(self, now_s: float, max_age_s: float) -> str | None:
        """One line on a stream that may be quiet: all events within `max_age_s` were rejected, and not only a few."""
        is_one_sided = self.rejected_in_row >= NOTABLE_REJECTIONS and self.age_s(now_s) > max_age_s
        if is_one_sided and self._rejects(now_s, max_age_s):
            return f"every {self.name} is rejected: {self.cause}"
        return None

    def _rejects(self, now_s: float, max_age_s: float) -> bool:
        return now_s - self.rejected_s <= max_age_s
