"""Assignment of symbols to connections. A rule without I/O."""

from collections.abc import Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Changes:
    """Symbols that begin and end, and the wanted ones for which no connection has room."""

    added: frozenset[str]
    removed: frozenset[str]
    refused: frozenset[str]


@dataclass(slots=True)
class Assignment:
    """Symbols on at most `max_shards` shards of `capacity` each. A symbol stays where it is until it ends."""

    capacity: int
    max_shards: int
    linger_s: float
    """How long a symbol without subscribers keeps its place, so that a change of mind costs nothing."""
    shards: list[set[str]] = field(default_factory=lambda: [set()])
    """The symbols of each shard. The first shard always exists."""
    _place: dict[str, int] = field(default_factory=dict)
    _idle_since_s: dict[str, float] = field(default_factory=dict)

    def update(self, wanted: Set[str], now_s: float) -> Changes:
        """Bring the shards to `wanted`, ending only what has lingered."""
        removed = self._expire(wanted, now_s)
        missing = wanted - self._place.keys()
        added = frozenset(symbol for symbol in sorted(missing) if self._put(symbol))
        return Changes(added, frozenset(removed), frozenset(missing) - added)

    def next_expiry_s(self) -> float | None:
        """When the next lingering symbol is due to end; None if none lingers."""
        return min(self._idle_since_s.values()) + self.linger_s if self._idle_since_s else None

    def _expire(self, wanted: Set[str], now_s: float) -> set[str]:
        for symbol in wanted & self._idle_since_s.keys():
            del self._idle_since_s[symbol]
        for symbol in self._place.keys() - wanted:
            self._idle_since_s.setdefault(symbol, now_s)
        expired = {symbol for symbol, since_s in self._idle_since_s.items() if now_s - since_s >= self.linger_s}
        for symbol in expired:
            del self._idle_since_s[symbol]
            self.shards[self._place.pop(symbol)].discard(symbol)
        return expired

    def _put(self, symbol: str) -> bool:
        with_room = (index for index, symbols in enumerate(self.shards) if len(symbols) < self.capacity)
        index = next(with_room, len(self.shards))
        if index == self.max_shards:
            return False
        if index == len(self.shards):
            self.shards.append(set())
        self.shards[index].add(symbol)
        self._place[symbol] = index
        return True
