"""Distinction between a few bad messages and a bad deploy: the former are set aside, at the latter consumption stops.

A window slides over the messages of a partition. When most of those in it cannot be decoded, it is more likely that we
(or the producer) are wrong than that all of them are, and to set them aside would only move the damage. The first
messages are judged by what is known of those after them: a start in the middle of a few bad ones must not stop there.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW = 1_000
MIN_BAD = 20
"""Fewer prove nothing: a quiet partition may bring one bad message after another for a while."""


@dataclass(slots=True)
class PoisonWatch:
    """`limit` is the share of a window above which consumption stops; 1 never stops."""

    limit: float = 0.5
    _seen: int = 0
    _bad: deque[int] = field(default_factory=deque)

    def check(self, count: int, bad: Sequence[int]) -> int | None:
        """Take note of the next `count` messages, of which those at the indices `bad` (ascending) are undecodable.

        Until a window is full, all messages known by now make one.

        None when all may be handled. Else the number of messages that may be handled before the stop: those before the
        first bad one of the window in which most are bad.
        """
        most = self.limit * min(WINDOW, self._seen + count)
        for index in bad:
            position = self._seen + index
            self._bad.append(position)
            while self._bad[0] <= position - WINDOW:
                self._bad.popleft()
            if len(self._bad) >= MIN_BAD and len(self._bad) > most:
                return next(index for index in bad if self._seen + index >= self._bad[0])
        self._seen += count
        return None
