"""Followers and their symbols: leases that end unless renewed, and follows that hold until withdrawn. No I/O, no clock.

A symbol is wanted while at least one follower holds it, either way.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from services.aggregator.errors import FollowersFullError, TooManySymbolsError

LEASE_S = 15.0
MAX_FOLLOWER_ID = 2**53 - 1
MAX_SYMBOLS_PER_FOLLOWER = 4_096
MAX_FOLLOWERS = 100_000
MAX_FOLLOWS = 1_000_000
"""Follower-symbol pairs in all: what bounds the memory."""


class Follow(NamedTuple):
    follower_id: int
    symbol: str


@dataclass(frozen=True, slots=True)
class Holding:
    """What one follower holds: until taken back, and until `expires_at_s` (of the caller's clock)."""

    permanent: frozenset[str] = frozenset()
    leased: frozenset[str] = frozenset()
    expires_at_s: float = 0.0

    @property
    def symbols(self) -> frozenset[str]:
        return self.permanent | self.leased


_NOTHING = Holding()


@dataclass(slots=True)
class Followers:
    """Every method that adds raises TooManySymbolsError or FollowersFullError, and then has changed nothing."""

    _holdings: dict[int, Holding] = field(default_factory=dict, init=False)
    _holders: Counter[str] = field(default_factory=Counter, init=False)

    @property
    def wanted(self) -> frozenset[str]:
        """Every symbol with at least one follower."""
        return frozenset(self._holders)

    @property
    def holdings(self) -> dict[int, Holding]:
        """By follower id; not to be changed."""
        return self._holdings

    def permanent(self, follower_id: int) -> frozenset[str]:
        return self._holdings.get(follower_id, _NOTHING).permanent

    def follow(self, follow: Follow) -> None:
        """Hold until `unfollow`, or until a lease replaces it. Idempotent."""
        held = self._holdings.get(follow.follower_id, _NOTHING)
        self._hold(follow.follower_id, replace(held, permanent=held.permanent | {follow.symbol}))

    def unfollow(self, follow: Follow) -> None:
        """Drop the symbol, however it is held. Idempotent."""
        held = self._holdings.get(follow.follower_id, _NOTHING)
        gone = {follow.symbol}
        self._hold(follow.follower_id, replace(held, permanent=held.permanent - gone, leased=held.leased - gone))

    def lease(self, follower_id: int, symbols: Collection[str], now_s: float) -> None:
        """Hold exactly `symbols` by lease from now on, besides what is permanent."""
        held = self._holdings.get(follower_id, _NOTHING)
        self._hold(follower_id, replace(held, leased=frozenset(symbols), expires_at_s=now_s + LEASE_S))

    def lease_also(self, follow: Follow, now_s: float) -> None:
        """Add the symbol to what is leased, and renew the lease."""
        held = self._holdings.get(follow.follower_id, _NOTHING)
        self.lease(follow.follower_id, held.leased | {follow.symbol}, now_s)

    def drop_permanent(self, follower_id: int, symbols: Iterable[str]) -> None:
        """Drop permanent follows; leases stay. Idempotent."""
        held = self._holdings.get(follower_id, _NOTHING)
        self._hold(follower_id, replace(held, permanent=held.permanent.difference(symbols)))

    def expire(self, now_s: float) -> int:
        """End the leases whose time is over; return their number."""
        ended = [key for key, held in self._holdings.items() if held.leased and held.expires_at_s <= now_s]
        for follower_id in ended:
            self._hold(follower_id, replace(self._holdings[follower_id], leased=frozenset()))
        return len(ended)

    def permanent_follows(self) -> list[Follow]:
        return [Follow(key, symbol) for key, held in self._holdings.items() for symbol in held.permanent]

    def _hold(self, follower_id: int, holding: Holding) -> None:
        before = self._holdings.get(follower_id, _NOTHING).symbols
        after = holding.symbols
        if after - before:
            self._check_room(follower_id, len(after), len(after) - len(before))
        for symbol in after - before:
            self._holders[symbol] += 1
        for symbol in before - after:
            self._holders[symbol] -= 1
            if not self._holders[symbol]:
                del self._holders[symbol]
        if after:
            self._holdings[follower_id] = holding
        else:
            self._holdings.pop(follower_id, None)

    def _check_room(self, follower_id: int, symbols: int, more: int) -> None:
        if symbols > MAX_SYMBOLS_PER_FOLLOWER:
            raise TooManySymbolsError(MAX_SYMBOLS_PER_FOLLOWER)
        follows = self._holders.total() + more
        if follows > MAX_FOLLOWS or (follower_id not in self._holdings and len(self._holdings) >= MAX_FOLLOWERS):
            raise FollowersFullError
