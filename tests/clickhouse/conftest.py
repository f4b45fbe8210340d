"""A database of each test's own on the session's ClickHouse, and two ways to talk to it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from tests.clickhouse_server import RunningClickHouse

TABLE = "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a"
ROW = b"%d,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
MEGABYTES = b"".join(ROW % number for number in range(100_000))
ENDLESS = "SELECT count() FROM numbers(1e15) WHERE number % 7 = 3"


@dataclass(frozen=True, slots=True)
class Raw:
    """Plain HTTP requests to a server, as curl sends them."""

    http: httpx.AsyncClient
    database: str

    async def post(
        self, body: str | bytes | AsyncIterator[bytes], headers: dict[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        return await self.http.post("/", content=body, params={"database": self.database, **params}, headers=headers)

    async def get(self, sql: str, **params: Any) -> httpx.Response:
        return await self.http.get("/", params={"query": sql, "database": self.database, **params})

    async def value(self, sql: str) -> str:
        """The first value of a query that must succeed."""
        answer = await self.post(sql)
        assert answer.status_code == 200, answer.text
        return answer.text.removesuffix("\n")


def raw_client(server: RunningClickHouse, timeout_s: float = 30.0) -> httpx.AsyncClient:
    """Plain HTTP with the right password."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.server.port}",
        auth=("crypto", server.server.password),
        timeout=timeout_s,
        trust_env=False,
    )


async def in_own_database(http: httpx.AsyncClient) -> str:
    """Have the client's requests go to an empty database of the test's own; its name."""
    name = f"test_{secrets.token_hex(6)}"
    (await http.post("/", content=f"CREATE DATABASE {name}")).raise_for_status()
    http.params = httpx.QueryParams(database=name)
    return name


@pytest.fixture
async def raw(clickhouse_server: RunningClickHouse) -> AsyncIterator[Raw]:
    """Plain HTTP, in an empty database of the test's own."""
    async with raw_client(clickhouse_server) as http:
        name = await in_own_database(http)
        yield Raw(http, name)
        (await http.post("/", content=f"DROP DATABASE {name}")).raise_for_status()


@pytest.fixture
async def client(clickhouse_server: RunningClickHouse, raw: Raw) -> AsyncIterator[AsyncClient]:
    """The services' client, in the same database."""
    made = await clickhouse_connect.get_async_client(dsn=clickhouse_server.url, database=raw.database)
    yield made
    await made.close()


async def running(raw: Raw, like: str) -> int:
    """How many statements that are like this the engine has under way."""
    where = f"query LIKE '%{like}%' AND query NOT LIKE '%system.processes%'"
    return int(await raw.value(f"SELECT count() FROM system.processes WHERE {where}"))


async def open_insert(server: RunningClickHouse, database: str, data: bytes) -> asyncio.StreamWriter:
    """The beginning of an insert's request, as far as `data`."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.server.port)
    head = (
        f"POST /?database={database} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n"
        f"X-ClickHouse-User: crypto\r\nX-ClickHouse-Key: {server.server.password}\r\n\r\nINSERT INTO t FORMAT CSV\n"
    )
    writer.write(head.encode() + data)
    await writer.drain()
    return writer
