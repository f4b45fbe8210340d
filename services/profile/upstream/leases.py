"""The lease, renewed, by which the aggregator streams the symbols of our open websockets (docs/contracts.md)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress

import structlog

from services.common.errors import ApiError, UnavailableError
from services.common.lifecycle import Lifecycle
from services.profile.upstream.aggregator_client import Aggregator, Followed, LeasesUnsupportedError

log = structlog.get_logger()

MAX_FOLLOWER_ID = 2**53 - 1
MAX_PARALLEL_REQUESTS = 8
RELEASE_TIMEOUT_S = 2.0


def draw_follower_id() -> int:
    """A number that no other replica has drawn, in the range that every JSON reader holds exactly."""
    return 1 + secrets.randbelow(MAX_FOLLOWER_ID)


class Leases:
    """The symbols this replica follows. `wanted` returns those it needs now."""

    def __init__(self, aggregator: Aggregator, wanted: Callable[[], frozenset[str]], interval_s: float) -> None:
        self._aggregator = aggregator
        self._wanted = wanted
        self._interval_s = interval_s
        self._held: set[str] = set()

    async def follow(self, symbol: str) -> Followed:
        """Check a symbol and have it streamed at once; the next renewal decides whether it stays."""
        followed = await self._aggregator.follow(symbol)
        self._held.add(symbol)
        return followed

    @asynccontextmanager
    async def running(self, life: Lifecycle) -> AsyncIterator[None]:
        """Renew until the context is left, then release everything, as far as the aggregator answers."""
        async with life.background(self._renew_forever(), "leases"):
            yield
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await self._renew(frozenset())
        except (UnavailableError, TimeoutError):
            log.info("leases.not_released")  # they expire by themselves

    async def _renew_forever(self) -> None:
        while True:
            with suppress(UnavailableError):  # logged and counted where it arose; the next turn tries again
                await self._renew(self._wanted())
            await asyncio.sleep(self._interval_s)

    async def _renew(self, wanted: frozenset[str]) -> None:
        held_before = frozenset(self._held)
        try:
            await self._aggregator.renew(wanted)
        except LeasesUnsupportedError:
            await self._renew_one_by_one(wanted)
        else:
            # What a request followed while this renewal was under way stays held.
            self._held = set(wanted) | (self._held - held_before)

    async def _renew_one_by_one(self, wanted: frozenset[str]) -> None:
        """The Go original's way: follow each symbol again (it forgets at a restart), drop the others."""
        dropped = self._held - wanted
        await _each(self._follow_known, wanted)
        await _each(self._drop, dropped)

    async def _follow_known(self, symbol: str) -> None:
        try:
            await self.follow(symbol)
        except UnavailableError:
            raise
        except ApiError as error:
            log.warning("leases.symbol_refused", symbol=symbol, code=error.code)

    async def _drop(self, symbol: str) -> None:
        await self._aggregator.unfollow(symbol)
        self._held.discard(symbol)


async def _each(act: Callable[[str], Awaitable[None]], symbols: Collection[str]) -> None:
    """`act` on all symbols, few at a time. Raises the first failure after all have ended."""
    gate = asyncio.Semaphore(MAX_PARALLEL_REQUESTS)

    async def act_in_turn(symbol: str) -> None:
        async with gate:
            await act(symbol)

    outcomes = await asyncio.gather(*(act_in_turn(symbol) for symbol in symbols), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
