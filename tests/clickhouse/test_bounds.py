"""Everything has a bound, and what happens there is an exception with a code."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.clickhouse.conftest import ENDLESS, MEGABYTES, TABLE, Raw, in_own_database, open_insert, raw_client, running
from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.processes import free_port, until


@pytest.fixture(scope="module")
def bounded() -> Iterator[RunningClickHouse]:
    server = start_clickhouse(
        OPS_PORT=str(free_port()), MAX_RUNNING="2", MAX_WAITING="2", MAX_SESSIONS="3", MAX_DATA_BYTES="1500000",
        MAX_QUERY_BYTES="10000", MAX_RESULT_BYTES="100000", BODY_TIMEOUT_S="3", MAX_EXECUTION_TIME_S="3",
    )  # fmt: skip
    yield server
    stop_clickhouse(server)


@pytest.fixture
async def http(bounded: RunningClickHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with raw_client(bounded) as http:
        await in_own_database(http)
        yield http


async def code(http: httpx.AsyncClient, sql: str, **params: str) -> str:
    answer = await http.post("/", content=sql, params=params)
    return str(answer.headers.get("X-ClickHouse-Exception-Code", answer.text.strip()))


async def test_a_flood_is_refused_beyond_the_bound_and_leaves_no_trace(
    bounded: RunningClickHouse, http: httpx.AsyncClient
) -> None:
    metrics = f"http://127.0.0.1:{bounded.process.env['OPS_PORT']}/metrics"

    async def full() -> bool:
        text = (await http.get(metrics)).text
        return "clickhouse_local_running 2.0" in text and "clickhouse_local_waiting 2.0" in text

    flood = [asyncio.create_task(code(http, ENDLESS, max_execution_time="0")) for _ in range(4)]
    await until(full)
    assert await asyncio.gather(*(code(http, "SELECT 5") for _ in range(8))) == ["202"] * 8
    assert (await http.get("/ping")).text == "Ok.\n"
    for asking in flood:
        asking.cancel()

    async def free() -> bool:
        return await code(http, "SELECT 5") == "5"

    await until(free)


async def test_sessions_are_bounded(http: httpx.AsyncClient) -> None:
    names = [secrets.token_hex(4) for _ in range(4)]
    assert [await code(http, "SELECT 1", session_id=name) for name in names] == ["1", "1", "1", "202"]
    for name in names[:3]:
        await code(http, "SELECT 1", session_id=name, close_session="1")
    assert await code(http, "SELECT 1", session_id=names[3], session_timeout="0") == "1"


async def test_data_are_bounded_and_nothing_of_them_stays(http: httpx.AsyncClient) -> None:
    await http.post("/", content=TABLE)
    assert await code(http, "INSERT INTO t FORMAT CSV\n" + MEGABYTES.decode()) == "307"
    assert await code(http, "SELECT count() FROM t") == "0"


async def test_a_statement_is_bounded(http: httpx.AsyncClient) -> None:
    assert await code(http, f"SELECT '{'x' * 20_000}'") == "62"


async def test_a_result_that_must_be_made_whole_is_bounded_and_a_stream_is_not(http: httpx.AsyncClient) -> None:
    sql = "SELECT number FROM numbers(200000)"
    assert await code(http, f"{sql} FORMAT JSON") == "396"
    assert len((await http.post("/", content=f"{sql} FORMAT CSV")).text.splitlines()) == 200_000


async def test_time_is_bounded(http: httpx.AsyncClient) -> None:
    assert await code(http, ENDLESS) == "159"


async def test_a_body_that_does_not_go_on_is_given_up(bounded: RunningClickHouse, http: httpx.AsyncClient) -> None:
    await http.post("/", content=TABLE)
    database = http.params["database"]
    writer = await open_insert(bounded, database, b"1,x\n")
    raw = Raw(http, database)

    async def free() -> bool:
        return await running(raw, "INSERT INTO t") == 0 and await code(http, "SELECT 1") == "1"

    await until(free)
    assert await raw.value("SELECT count() FROM t") == "0"
    writer.close()
