"""ClickHouse, read: fixed queries with parameters bound by the server, each within a deadline and a slot.

`at_once` queries run, `waiting` more wait, and further ones are refused as busy. The client is opened when it is first
needed, and again after a failure, so ClickHouse may come and go.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import structlog
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError

from services.common.clickhouse import connect
from services.dashboard import metrics
from services.dashboard.errors import HistoryBusyError, HistoryUnavailableError

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 2.0
SPARE_CONNECTIONS = 2


class ClickHouse:
    """Queries for one purpose. Call `close` after the last query."""

    def __init__(self, url: str, purpose: str, timeout_s: float, at_once: int, waiting: int) -> None:
        self._url = url
        self._purpose = purpose
        self._timeout_s = timeout_s
        self._places = at_once + waiting
        self._at_once = at_once
        self._slots = asyncio.Semaphore(at_once)
        self._opening = asyncio.Lock()
        self._client: AsyncClient | None = None
        self._inside = 0

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Room for one answer's queries, all within the deadline. Raises HistoryBusyError, HistoryUnavailableError.

        A query that is cancelled closes its connection, and the server, asked to, gives it up.
        """
        if self._inside >= self._places:
            metrics.QUERY_SECONDS.labels(self._purpose, "refused").observe(0)
            raise HistoryBusyError
        started, outcome = time.perf_counter(), "cancelled"
        self._inside += 1
        metrics.QUERIES.labels(self._purpose).inc()
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                yield
            outcome = "answered"
            metrics.PART_UP.labels("clickhouse").set(1)
        except (ClickHouseError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("clickhouse.unavailable", error=type(error).__name__, reason=str(error)[:300])
            outcome = "failed"
            metrics.PART_UP.labels("clickhouse").set(0)
            raise HistoryUnavailableError from error
        finally:
            self._inside -= 1
            metrics.QUERIES.labels(self._purpose).dec()
            metrics.QUERY_SECONDS.labels(self._purpose, outcome).observe(time.perf_counter() - started)

    async def query(
        self, sql: str, parameters: Mapping[str, object], form: str, settings: Mapping[str, object] | None = None
    ) -> bytes:
        """The whole answer, written by ClickHouse in its format `form`. Within a `slot`."""
        client = await self._opened()
        bounds = {"max_execution_time": math.ceil(self._timeout_s), "cancel_http_readonly_queries_on_client_close": 1}
        return await client.raw_query(sql, dict(parameters), {**bounds, **(settings or {})}, form)

    async def _opened(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                connections = self._at_once + SPARE_CONNECTIONS
                self._client = await connect(
                    self._url,
                    timeout_s=math.ceil(self._timeout_s),
                    connect_timeout=CONNECT_TIMEOUT_S,
                    connector_limit=connections,
                    connector_limit_per_host=connections,
                    query_retries=0,
                )
            return self._client
