"""The symbols whose past is wanted now, for processes that fill it: the key `market:wanted`.

It expires, so that readers notice when its writer has gone.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from services.aggregator.errors import StoreUnavailableError
from services.aggregator.redis import MarketStore
from services.market.wanted import encode_wanted

CHECK_S = 1.0
REWRITE_S = 10.0


@dataclass(slots=True)
class WantedKey:
    """`run` writes `symbols()` at a change, at most once per `CHECK_S`, and at least every `REWRITE_S`."""

    store: MarketStore
    symbols: Callable[[], Collection[str]]
    _written: bytes | None = field(default=None, init=False)
    _written_at_s: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Keep the key up to date. Redis may come and go."""
        while True:
            await self.refresh(asyncio.get_running_loop().time())
            await asyncio.sleep(CHECK_S)

    async def refresh(self, now_s: float) -> None:
        """Write the key if that is due at `now_s`, in monotonic time; what fails is due again at once."""
        document = encode_wanted(self.symbols())
        if document == self._written and now_s - self._written_at_s < REWRITE_S:
            return
        self._written = None
        try:
            await self.store.write_wanted(document)
        except StoreUnavailableError:
            return
        self._written, self._written_at_s = document, now_s
