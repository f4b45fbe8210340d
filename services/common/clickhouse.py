"""ClickHouse's HTTP interface: one way to connect, without a proxy, and calls that end within a deadline."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError

from services.common.network import bypass_proxy

CONNECT_TIMEOUT_S = 3.0


@asynccontextmanager
async def answered(timeout_s: float, translate: Callable[[Exception], Exception]) -> AsyncIterator[None]:
    """A deadline for calls of a client; raises what `translate` makes of their errors."""
    cancellations = _cancellations()
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (ClickHouseError, OSError, TimeoutError) as error:
        if _cancellations() > cancellations:  # the client forgets one that comes while it closes a failed connection
            raise asyncio.CancelledError from error
        raise translate(error) from error


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def connect(url: str, *, timeout_s: float, **options: Any) -> AsyncClient:
    """A client for `url`; its database need not exist. Close it with `close()`. `options` are the library's.

    Raises what the library does; `answered` translates that.
    """
    parts = urlsplit(url)
    bypass_proxy(parts.hostname or "")
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "send_receive_timeout": timeout_s,
        "autogenerate_session_id": False,  # a session takes one query at a time
        "compress": False,
    }
    client = await clickhouse_connect.get_async_client(dsn=parts._replace(path="").geturl(), **(defaults | options))
    client.database = database_of(url)
    return client


def database_of(url: str) -> str:
    """The name of the database in a ClickHouse URL."""
    return urlsplit(url).path.strip("/")
