"""ClickHouse's tables: inserts that are repeated until ClickHouse has confirmed them, or refuses them.

An insert whose answer is lost is sent again with the same token, and a table takes no second one of a token. Candles
are fed again (they cannot be changed by that), because the first attempt may have ended between the table and them.
"""

import asyncio
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import structlog
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.common.backoff import Backoff
from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.clickhouse import answered, connect
from services.kafka_clickhouse.errors import RefusedError, StorageUnavailableError
from services.kafka_clickhouse.native import Table

log = structlog.get_logger()

RETRY_CAP_S = 15.0
PING_TIMEOUT_S = 1.5

_SETTINGS = {
    "wait_end_of_query": 1,  # the answer comes when all is written, to the candles too
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_native_allow_types_conversion": 1,
    "max_partitions_per_insert_block": 0,  # a batch of old messages may touch many months
}


@dataclass(slots=True)
class Store:
    """Inserts into the database at `url`. May be used by several tasks at once. Close it with `close()`."""

    url: str
    insert_timeout_s: float
    _client: AsyncClient | None = None
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _trouble: str | None = None

    async def insert(self, table: Table[Any], block: bytes, token: str) -> None:
        """Insert a block of `table`, however long it takes. Raises `RefusedError` for a block that cannot be stored.

        `token` names the messages in it. Cancelling it leaves open whether the block is stored.
        """
        token = f"{token}:{zlib.crc32(block):08x}"  # offsets may begin anew, with other messages
        try:
            await self._insert_until_stored(table, block, token)
        except RefusedError:
            metrics.INSERT_FAILURES.labels("refused").inc()
            raise
        finally:
            self._note(None)  # it answers; or this was cancelled, and no later call will see it answer

    async def _insert_until_stored(self, table: Table[Any], block: bytes, token: str) -> None:
        backoff = Backoff(cap_s=RETRY_CAP_S)
        while True:
            try:
                return await self._try_insert(table, block, token)
            except StorageUnavailableError as error:
                metrics.INSERT_FAILURES.labels("down").inc()
                self._note(str(error))
            await asyncio.sleep(backoff.next_delay_s())

    async def _try_insert(self, table: Table[Any], block: bytes, token: str) -> None:
        client = await self._connected()
        began = time.monotonic()
        settings = _SETTINGS | {"insert_deduplication_token": token}
        async with answered(self.insert_timeout_s):
            await client.raw_insert(table.name, table.columns, block, settings=settings, fmt="Native")
        metrics.INSERT_SECONDS.observe(time.monotonic() - began)

    async def check(self) -> None:
        """A readiness check: raises `StorageUnavailableError` while inserts fail, or ClickHouse does not answer."""
        if self._trouble is not None:
            raise StorageUnavailableError(self._trouble)
        client = await self._connected()
        async with answered(PING_TIMEOUT_S):
            await client.command("SELECT 1")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await connect(self.url, timeout_s=self.insert_timeout_s)
            return self._client

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and self._trouble is None:
            log.warning("clickhouse.away", error=trouble)
        elif trouble is None and self._trouble is not None:
            log.info("clickhouse.wait_over", last_error=self._trouble)
        self._trouble = trouble
