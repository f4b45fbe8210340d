"""Refusals of the stores: what readiness reports while a full disk stands in the way of logins."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.authorization.errors import StoreRefusesError
from services.common.health import NotReadyError

REMEMBERED_S = 60.0
"""A refusal counts so long unless the store takes something before: without logins there is nothing to try it with."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Which stores refuse, by their last answer."""

    clock: Callable[[], float] = time.monotonic
    _refused_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def storing(self, store: str) -> Iterator[None]:
        """Around what needs room in `store`; passes `StoreRefusesError` on."""
        try:
            yield
        except StoreRefusesError:
            self._refused_s[store] = self.clock()
            raise
        self._refused_s.pop(store, None)

    async def check(self) -> None:
        """A readiness check: raises NotReadyError while a store refuses."""
        since_s = self.clock() - REMEMBERED_S
        refusing = sorted(store for store, refused_s in self._refused_s.items() if refused_s > since_s)
        if refusing:
            raise NotReadyError(f"{' and '.join(refusing)} refused to store: disk full, out of memory or read-only")
