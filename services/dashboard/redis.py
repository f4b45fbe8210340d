"""Redis, read: the market as a snapshot, at most once a second however many ask. Names as in docs/contracts.md."""

import asyncio
import time
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.dashboard import metrics
from services.dashboard.errors import PricesUnavailableError
from services.dashboard.market import Snapshot, SnapshotReader
from services.dashboard.ttl_value import TtlValue
from services.market.fill import ABSENT, FillProgress, decode_fill
from services.market.names import FILL, LAST_PRICES, RESUME, SOURCE, SYMBOLS
from services.market.resume import Break, decode_resume_state

log = structlog.get_logger()

DEADLINE_S = 2.0
FRESH_S = 1.0


class MarketReader:
    """Snapshots shared by all requests: those within a second of a read get its result, failure included."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._reader = SnapshotReader()
        self._recent = TtlValue(FRESH_S, self._read)
        self._recent_fill = TtlValue(FRESH_S, self._read_fill)
        self._recent_breaks = TtlValue(FRESH_S, self._read_breaks)

    async def snapshot(self) -> Snapshot:
        """Raises PricesUnavailableError, within a second of the deadline. Safe to cancel."""
        snapshot = await self._recent.get()
        if snapshot is None:
            raise PricesUnavailableError
        return snapshot

    async def fill(self) -> FillProgress:
        """How far the history that fills itself is. Raises PricesUnavailableError, as `snapshot` does."""
        progress = await self._recent_fill.get()
        if progress is None:
            raise PricesUnavailableError
        return progress

    async def breaks(self) -> tuple[Break, ...]:
        """The newest breaks of the mini-tickers; none while Redis does not answer."""
        return await self._recent_breaks.get()

    async def _read_breaks(self) -> tuple[Break, ...]:
        try:
            async with asyncio.timeout(DEADLINE_S):
                value = cast("bytes | None", await self._client.get(RESUME))
        except (RedisError, OSError, TimeoutError):
            return ()
        return decode_resume_state(value or b"").breaks

    async def _read_fill(self) -> FillProgress | None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                document = cast("bytes | None", await self._client.get(FILL))
        except (RedisError, OSError, TimeoutError):
            return None
        try:
            return decode_fill(document) if document else ABSENT
        except (ValueError, RecursionError):
            return ABSENT

    async def _read(self) -> Snapshot | None:
        try:
            async with asyncio.timeout(DEADLINE_S), self._client.pipeline(transaction=True) as batch:
                batch.get(SOURCE)
                batch.hgetall(LAST_PRICES)
                batch.get(SYMBOLS)
                source, last, symbols = await batch.execute()
        except (RedisError, OSError, TimeoutError) as error:
            metrics.REDIS_READS.labels("failed").inc()
            metrics.PART_UP.labels("redis").set(0)
            log.warning("redis.unavailable", error=type(error).__name__)
            return None
        metrics.PART_UP.labels("redis").set(1)
        metrics.REDIS_READS.labels("read" if source else "empty").inc()
        if not source:
            return None
        name = cast("bytes", source).decode(errors="replace")
        return self._reader.read(name, last, symbols or b"", time.time_ns() // 1_000_000)
