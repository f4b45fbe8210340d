"""Subscriptions that the exchange refuses: found by halving, set aside one by one, tried again later. No I/O.

A message that asks for many symbols is refused as a whole because of one of them. Its symbols are suspects then, and
are asked for in halves, after all others, until the refused ones are alone. Those are set aside and asked for again
after a delay that doubles. One that is accepted again releases all others: the refusals may have had one common cause.
"""

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field

RETRY_S = 60.0
MAX_RETRY_S = 3_600.0
_UNANSWERED_TO_HALVE = 2
_UNANSWERED_TO_SET_ASIDE = 8
"""An exchange that misses a message is no exchange that refuses a symbol: only this many in a row are taken for it."""
_MAX_UNANSWERED = 1_000
"""Groups whose silences are counted: where what is wanted changes at each attempt, none comes twice."""


@dataclass(slots=True)
class _SetAside:
    until_s: float
    delay_s: float


@dataclass(slots=True)
class Refusals:
    """Refusals shared by the connections of one feed. `on_set_aside` gets each symbol, the reason and the delay (s)."""

    on_set_aside: Callable[[str, str, float], None] = lambda *_: None
    retry_s: float = field(default_factory=lambda: RETRY_S)
    _suspects: list[frozenset[str]] = field(default_factory=list)
    _set_aside: dict[str, _SetAside] = field(default_factory=dict)
    _unanswered: Counter[frozenset[str]] = field(default_factory=Counter)

    @property
    def set_aside(self) -> Set[str]:
        """The symbols that the exchange refuses at present."""
        return self._set_aside.keys()

    def askable(self, wanted: Set[str], now_s: float) -> set[str]:
        """Those of `wanted` that are not set aside, or are due for another attempt."""
        return {symbol for symbol in wanted if self._is_due(symbol, now_s)}

    def next_group(self, missing: Set[str]) -> Set[str]:
        """Which of `missing` to ask for next: all beyond suspicion, else one group of suspects."""
        groups = [*self._suspects, *(frozenset({symbol}) for symbol in self._set_aside)]
        if innocent := missing - frozenset[str]().union(*groups):
            return innocent
        return next((group & missing for group in groups if group & missing), frozenset())

    def accepted(self, symbols: Set[str]) -> None:
        """The exchange sends the trades of `symbols` now."""
        self._suspects = [rest for group in self._suspects if (rest := group - symbols)]
        self._unanswered.clear()
        if self._set_aside.keys() & symbols:
            released = frozenset(self._set_aside.keys() - symbols)
            for symbol in symbols:
                self._set_aside.pop(symbol, None)
            for entry in self._set_aside.values():
                entry.until_s = 0.0
            if released:
                self._suspects.append(released)

    def refused(self, symbols: Set[str], reason: str, now_s: float) -> None:
        """The exchange has refused a message that asked for exactly `symbols`."""
        self._suspects = [rest for group in self._suspects if (rest := group - symbols)]
        if len(symbols) > 1:
            ordered = sorted(symbols)
            middle = len(ordered) // 2
            self._suspects += [frozenset(ordered[:middle]), frozenset(ordered[middle:])]
            return
        for symbol in symbols:
            before = self._set_aside.get(symbol)
            delay_s = min(2 * before.delay_s, MAX_RETRY_S) if before else self.retry_s
            self._set_aside[symbol] = _SetAside(now_s + delay_s, delay_s)
            self.on_set_aside(symbol, reason, delay_s)

    def unanswered(self, symbols: Set[str], now_s: float) -> None:
        """A message that asked for exactly `symbols` got no answer: several times in a row count as a refusal."""
        group = frozenset(symbols)
        if len(self._unanswered) >= _MAX_UNANSWERED:
            self._unanswered.clear()
        self._unanswered[group] += 1
        if self._unanswered[group] >= (_UNANSWERED_TO_HALVE if len(group) > 1 else _UNANSWERED_TO_SET_ASIDE):
            del self._unanswered[group]
            self.refused(group, "no answer", now_s)

    def forget(self, symbols: Set[str]) -> None:
        """Forget `symbols`, which are not wanted any more."""
        self._suspects = [rest for group in self._suspects if (rest := group - symbols)]
        for symbol in symbols:
            self._set_aside.pop(symbol, None)

    def next_attempt_s(self, wanted: Set[str]) -> float | None:
        """When the next of `wanted` that is set aside is due; None if none is."""
        return min((entry.until_s for symbol, entry in self._set_aside.items() if symbol in wanted), default=None)

    def _is_due(self, symbol: str, now_s: float) -> bool:
        entry = self._set_aside.get(symbol)
        return entry is None or now_s >= entry.until_s
