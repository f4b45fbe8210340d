"""The one-second tick: what is due goes to Redis, and the cache is kept whole.

A tick that Redis does not answer is skipped: nothing queues, for `LatestPrices` keeps the newest price of each and
finds it due again. If such a tick was carried out after all, its messages are published twice, with the same `t`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from services.aggregator import metrics
from services.aggregator.documents import last_price, read_last_prices, second_stat
from services.aggregator.errors import StoreUnavailableError, WriteRefusedError
from services.aggregator.intake import wall_clock_ms
from services.aggregator.overview import symbols_document
from services.aggregator.prices import LatestPrices, Quote
from services.aggregator.redis import CacheState, MarketStore
from services.aggregator.symbols import Directory
from services.market.symbols import Listing

log = structlog.get_logger()

TICK_S = 1.0
EARLY_S = 0.05
"""More than a timer is ever early by the wall clock."""

BATCH_QUOTES = 5_000
"""More than a market's symbols, so that a tick is one batch; a larger one must not fail as a whole, again and again."""


def until_next_tick_s(now_s: float) -> float:
    """How long to wait at `now_s`, in Unix time. A tick that fires a little early must not fire again at once."""
    wait_s = TICK_S - now_s % TICK_S
    return wait_s if wait_s > EARLY_S else wait_s + TICK_S


class Publisher:
    """`run` ticks until `stop`, and then once more. `on_lost_data` is called before the cache is written anew."""

    def __init__(
        self,
        latest: LatestPrices,
        directory: Directory,
        store: MarketStore,
        on_lost_data: Callable[[], Awaitable[None]],
    ) -> None:
        self._latest = latest
        self._directory = directory
        self._store = store
        self._on_lost_data = on_lost_data
        self._stopping = asyncio.Event()
        self._cache: CacheState | None = None
        self._symbols_published: tuple[int, int] | None = None
        self._reached = True
        self._writes = True
        self._behind = False
        """Whether the cache lacks what was published while Redis refused to write."""

    async def run(self) -> None:
        """Tick at every full second; the last tick publishes what is left. Ends after `stop`."""
        while not await self._stopped_within(until_next_tick_s(time.time())):
            began_s = time.monotonic()
            await self.tick()
            self._observe(time.monotonic() - began_s)
        await self.tick()

    def stop(self) -> None:
        """Let `run` publish what is left and end."""
        self._stopping.set()

    async def tick(self) -> None:
        """Publish what is due, if there is a source and Redis answers; never raises StoreUnavailableError."""
        source = self._latest.source
        if source is None:
            return
        try:
            written = await self._written(self._keep_cache_whole(source))
            await self._publish_due(source, self._latest.due() if source == self._latest.source else [])
            written = await self._written(self._publish_symbols(source)) and written
            self._report_writes(written=written and not self._behind)
        except StoreUnavailableError as error:
            self._skip(error)
        else:
            self._reach()

    async def _publish_due(self, source: str, quotes: list[Quote]) -> None:
        for first in range(0, len(quotes), BATCH_QUOTES):
            batch = quotes[first : first + BATCH_QUOTES]
            updates = ((quote.symbol, second_stat(quote, source), last_price(quote, source)) for quote in batch)
            if not await self._store.publish(updates):
                self._behind = True
            self._latest.confirm(source, batch)
            metrics.PUBLISHES.inc(len(batch))

    async def _publish_symbols(self, source: str) -> None:
        """Write the symbols after each listing, and when Redis may have lost them. Those of another source never."""
        revision = self._directory.revision
        if source == self._latest.source and self._directory.known and revision != self._symbols_published:
            await self._store.write_symbols(symbols_document(self._directory))
            self._symbols_published = revision

    async def _keep_cache_whole(self, source: str) -> None:
        """After another source, another run of Redis or a lost cache: make Redis hold exactly what it should."""
        found = await self._store.cache_state()
        if found == self._cache and found.source == source and not self._behind:
            return
        if self._cache is None and found.source == source:
            values = await self._store.last_prices()
            listed = await self._store.symbols()
            self._latest.restore(source, read_last_prices(values, source, wall_clock_ms()))
            self._restore_listings(source, listed)
        else:
            await self._on_lost_data()
            write = self._store.refill if found.source == source else self._store.replace
            await write(source, self._last_published(source))
        self._cache = CacheState(found.run_id, source)
        self._behind = False
        self._symbols_published = None
        metrics.CACHE_REWRITES.inc()
        log.info("cache.taken_over", source=source, before=found.source)

    def _restore_listings(self, source: str, listed: list[Listing]) -> None:
        """What was listed in an earlier life: what has left the listing since stays known."""
        if source == self._latest.source:
            self._directory.restore(listed)

    def _last_published(self, source: str) -> dict[str, bytes]:
        return {quote.symbol: last_price(quote, source) for quote in self._latest.last_published()}

    @staticmethod
    async def _written(write: Awaitable[None]) -> bool:
        """Whether Redis did not refuse to write. Prices are published all the same."""
        try:
            await write
        except WriteRefusedError:
            return False
        return True

    def _report_writes(self, *, written: bool) -> None:
        metrics.CACHE_WRITABLE.set(written)
        if written != self._writes:
            self._writes = written
            log.warning("redis.writes_accepted_again" if written else "redis.writes_refused")

    def _skip(self, error: StoreUnavailableError) -> None:
        metrics.TICKS_SKIPPED.labels("redis").inc()
        if self._reached:
            self._reached = False
            log.warning("redis.lost", cause=type(error.__cause__).__name__)

    def _reach(self) -> None:
        if not self._reached:
            self._reached = True
            log.info("redis.reached_again")

    def _observe(self, took_s: float) -> None:
        metrics.TICK_SECONDS.observe(took_s)
        metrics.TICKS_SKIPPED.labels("overrun").inc(int(took_s // TICK_S))
        if self._latest.newest_event_ms:
            metrics.NEWEST_EVENT_AGE.set((wall_clock_ms() - self._latest.newest_event_ms) / 1000)

    async def _stopped_within(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                return await self._stopping.wait()
        except TimeoutError:
            return False
