"""When a component that ended starts again: at once, as long as that helps.

A start that never became ready is retried after delays that grow to a cap; readiness forgets them. What becomes ready
and ends again has a budget of immediate restarts, so that a loop of such ends does not spin.
"""

from dataclasses import dataclass, field

from services.common.backoff import Backoff

BASE_S = 1.0
BURST = 20
INTERVAL_S = 3.0
"""The budget: `BURST` restarts at once, and one more every `INTERVAL_S`."""
STEADY_S = 10.0
"""A ready life of this length was a success."""


@dataclass(slots=True)
class Restarts:
    """The delays of one component. `cap_s`: the longest after failed starts. Times are a monotonic clock's."""

    cap_s: float
    ends_in_a_row: int = 0
    """None of them after a success."""
    _backoff: Backoff = field(init=False)
    _spent_until_s: float = 0.0

    def __post_init__(self) -> None:
        self._backoff = Backoff(base_s=BASE_S, cap_s=self.cap_s)

    def delay_after_failed_start_s(self) -> float:
        """The delay after an end that came before readiness."""
        self.ends_in_a_row += 1
        return self._backoff.next_delay_s()

    def delay_after_ready_s(self, ready_at_s: float, now_s: float) -> float:
        """The delay after the end, now, of what had been ready since `ready_at_s`."""
        self._backoff.reset()
        self.ends_in_a_row = 1 if now_s - ready_at_s > STEADY_S else self.ends_in_a_row + 1
        self._spent_until_s = max(self._spent_until_s, now_s) + INTERVAL_S
        return max(0.0, self._spent_until_s - BURST * INTERVAL_S - now_s)
