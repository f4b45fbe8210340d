"""Tickets kept in this process: good once each, in this replica alone, while Redis refuses to store them."""

import time
from collections.abc import Callable
from typing import NamedTuple

from services.common.tokens import AccessClaims

MAX_KEPT = 20_000
MAX_KEPT_PER_USER = 20
"""Beyond, the oldest ticket of that user is void. So none can push out another user's by asking for many."""


class _Kept(NamedTuple):
    claims: AccessClaims
    ends_s: float


class KeptTickets:
    """The claims behind tickets, by the hash of each, for `lifetime_s` at most."""

    def __init__(self, lifetime_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._kept: dict[str, _Kept] = {}  # oldest first
        self._of_user: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: str, claims: AccessClaims) -> None:
        """Have the ticket redeemed here. It replaces the oldest one where there are too many."""
        self._drop_ended()
        own = self._of_user.get(claims.user_id, [])
        if len(own) >= MAX_KEPT_PER_USER:
            self._remove(own[0])
        elif len(self._kept) >= MAX_KEPT:
            self._remove(next(iter(self._kept)))
        self._kept[key] = _Kept(claims, self._clock() + self._lifetime_s)
        self._of_user.setdefault(claims.user_id, []).append(key)

    def take(self, key: str) -> AccessClaims | None:
        """The claims; the ticket is spent then. None if it is not kept here, or has expired."""
        self._drop_ended()
        return self._remove(key).claims if key in self._kept else None

    def _drop_ended(self) -> None:
        now_s = self._clock()
        while self._kept and (oldest := next(iter(self._kept.items())))[1].ends_s <= now_s:
            self._remove(oldest[0])

    def _remove(self, key: str) -> _Kept:
        kept = self._kept.pop(key)
        own = self._of_user[kept.claims.user_id]
        own.remove(key)
        if not own:
            del self._of_user[kept.claims.user_id]
        return kept
