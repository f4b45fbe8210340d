"""Delays between retries: capped exponential growth with full jitter.

Full jitter (a uniform draw below the exponential bound) spreads a herd of clients best:
Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays for successive attempts. The first delay is zero: most breaks heal at once."""

    base_s: float = 0.5
    cap_s: float = 30.0
    attempt: int = 0

    def next_delay_s(self) -> float:
        """The delay before the next attempt; grows until `reset`."""
        exponent, self.attempt = self.attempt, self.attempt + 1
        if exponent == 0:
            return 0.0
        bound_s = min(self.cap_s, self.base_s * 2.0 ** min(exponent - 1, 32))
        return random.uniform(0.0, bound_s)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Start over after a success that lasted."""
        self.attempt = 0
