"""The symbols that followers ask for, kept in memory and, where it must hold across restarts, in Redis.

Leases live in memory alone: their holders renew them. Permanent follows are in Redis before the caller is answered, and
gone from Redis before their end is confirmed. A method that raises StoreUnavailableError has changed nothing that a
repeated call would not put right.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import structlog

from services.aggregator import metrics
from services.aggregator.errors import StoreUnavailableError
from services.aggregator.followers import Follow, Followers
from services.aggregator.redis import MarketStore
from services.aggregator.wanted import Wanted
from services.common.backoff import Backoff
from services.common.errors import ApiError

log = structlog.get_logger()

SWEEP_S = 1.0
LOCK_TIMEOUT_S = 2.0


class Follows:
    """All followers of this aggregator; `wanted` always holds the union of what they follow."""

    def __init__(self, store: MarketStore, wanted: Wanted, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.followers = Followers()
        self._store = store
        self._wanted = wanted
        self.clock_s = clock_s
        self._storing = asyncio.Lock()

    async def run(self) -> None:
        """Re-read the permanent follows, as soon as Redis answers; then end leases whose time is over."""
        await self._load()
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    def sweep(self) -> None:
        """End leases whose time is over."""
        metrics.LEASES_EXPIRED.inc(self.followers.expire(self.clock_s()))
        self._changed()

    async def follow(self, follow: Follow) -> None:
        """Hold until `unfollow`, across restarts. Idempotent. Raises as `Followers`, and StoreUnavailableError."""
        async with self._one_at_a_time():
            was_held = follow.symbol in self.followers.permanent(follow.follower_id)
            self.followers.follow(follow)
            try:
                await self._store.add_follows([follow])
            except BaseException:
                if not was_held:
                    self.followers.drop_permanent(follow.follower_id, [follow.symbol])
                raise
        self._changed()

    def lease_also(self, follow: Follow) -> None:
        """Hold for `LEASE_S`, besides what the follower holds already. Raises what `Followers` raises."""
        self.followers.lease_also(follow, self.clock_s())
        self._changed()

    async def unfollow(self, follow: Follow) -> None:
        """Drop the symbol, leased or permanent. Idempotent. Raises StoreUnavailableError."""
        async with self._one_at_a_time():
            await self._store.remove_follows([follow])
            self.followers.unfollow(follow)
        self._changed()

    async def lease(self, follower_id: int, symbols: Iterable[str]) -> None:
        """Hold exactly `symbols`, for `LEASE_S`. Raises what `Followers` raises.

        Needs Redis only to end earlier permanent follows; if it is down, they end with a later renewal.
        """
        self.followers.lease(follower_id, frozenset(symbols), self.clock_s())
        if self.followers.permanent(follower_id):
            try:
                await self._end_permanent(follower_id)
            except StoreUnavailableError:
                log.warning("follows.end_deferred", follower_id=follower_id)
        self._changed()

    async def store_again(self) -> None:
        """Write every permanent follow, after Redis may have lost them. Raises StoreUnavailableError."""
        async with self._one_at_a_time():
            await self._store.add_follows(self.followers.permanent_follows())

    async def _end_permanent(self, follower_id: int) -> None:
        async with self._one_at_a_time():
            symbols = self.followers.permanent(follower_id)
            await self._store.remove_follows(Follow(follower_id, symbol) for symbol in symbols)
            self.followers.drop_permanent(follower_id, symbols)

    async def _load(self) -> None:
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        while True:
            await asyncio.sleep(backoff.next_delay_s())
            try:
                async with self._one_at_a_time():
                    self._restore(await self._store.follows())
            except StoreUnavailableError:
                continue
            return

    def _restore(self, follows: list[Follow]) -> None:
        refused = 0
        for follow in follows:
            try:
                self.followers.follow(follow)
            except ApiError:
                refused += 1
        self._changed()
        log.info("follows.restored", follows=len(follows), refused=refused)

    def _changed(self) -> None:
        self._wanted.replace(self.followers.wanted)
        metrics.FOLLOWERS.set(len(self.followers.holdings))
        metrics.FOLLOWED_SYMBOLS.set(len(self._wanted.symbols))

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        """Memory and Redis change together, in one order."""
        try:
            async with asyncio.timeout(LOCK_TIMEOUT_S):
                await self._storing.acquire()
        except TimeoutError as error:
            raise StoreUnavailableError from error
        try:
            yield
        finally:
            self._storing.release()
