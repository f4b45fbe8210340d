"""The symbols whose trades are wanted now, shared between the followers, the tape and the trade feed."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wanted:
    """Only the newest set counts: a reader that was busy sees the last of several changes."""

    symbols: frozenset[str] = frozenset()
    _followed: frozenset[str] = frozenset()
    _named: frozenset[str] = frozenset()
    _recorded: frozenset[str] = frozenset()
    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def replace(self, followed: frozenset[str]) -> None:
        """What followers want now."""
        self._followed = followed
        self._update()

    def name(self, symbols: frozenset[str]) -> None:
        """What an operator wants to be kept, as if it were followed."""
        self._named = symbols
        self._update()

    def record(self, symbols: frozenset[str]) -> None:
        """What is kept besides from now on; its past is not wanted for that."""
        self._recorded = symbols
        self._update()

    @property
    def for_history(self) -> frozenset[str]:
        """The symbols whose whole past is wanted."""
        return self._followed | self._named

    async def other_than(self, seen: frozenset[str] | None) -> frozenset[str]:
        """The set, as soon as it differs from `seen`. Safe to cancel. Waits without limit: it may never."""
        while self.symbols == seen:
            await self._changed.wait()
        return self.symbols

    def _update(self) -> None:
        symbols = self.for_history | self._recorded
        if symbols != self.symbols:
            self.symbols = symbols
            self._changed.set()
            self._changed = asyncio.Event()
