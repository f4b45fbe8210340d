"""The symbols of all portfolios, leased from the aggregator: their trades are recorded also while no page is open."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

import structlog

from services.common.errors import UnavailableError
from services.profile.upstream.aggregator_client import Aggregator, LeasesUnsupportedError

log = structlog.get_logger()

MAX_HELD = 4_096
"""What the aggregator takes of one follower."""
READ_INTERVAL_S = 60.0


class Holdings:
    """A lease of its own, renewed for ever. `read` gives at most so many of the symbols in all portfolios.

    It is not released at the end: the process that follows within the lease's time goes on with no trade missing.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        read: Callable[[int], Awaitable[frozenset[str]]],
        renew_interval_s: float,
        read_interval_s: float = READ_INTERVAL_S,
    ) -> None:
        self._aggregator = aggregator
        self._read = read
        self._renew_interval_s = renew_interval_s
        self._read_interval_s = read_interval_s
        self._symbols: frozenset[str] = frozenset()
        self._unknown: frozenset[str] = frozenset()
        """Of these: near matches are searched for an unknown one, so it is not named again until the next reading."""
        self._read_s = float("-inf")

    def add(self, symbol: str) -> None:
        """A symbol that has been added to a portfolio."""
        if len(self._symbols) < MAX_HELD:
            self._symbols |= {symbol}

    async def run(self) -> NoReturn:
        """Renew until cancelled. The Go original, which has no leases, keeps no trades either."""
        while True:
            with suppress(UnavailableError, LeasesUnsupportedError):  # logged where it arose; the next turn tries again
                await self._renew()
            await asyncio.sleep(self._renew_interval_s)

    async def _renew(self) -> None:
        if time.monotonic() - self._read_s >= self._read_interval_s:
            before, found = self._symbols, await self._read(MAX_HELD)
            added = self._symbols - before  # while it was read, which may not have seen them
            self._symbols, self._unknown = found, frozenset()
            for symbol in added:
                self.add(symbol)
            self._read_s = time.monotonic()
        self._unknown |= await self._aggregator.renew(self._symbols - self._unknown)
