"""clickhouse-connect's client, unchanged, against the embedded engine."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import clickhouse_connect
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from tests.clickhouse.conftest import Raw
from tests.clickhouse_server import RunningClickHouse

ROWS = 50_000


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", False])
async def test_every_block_of_an_insert_arrives_with_each_compression(
    clickhouse_server: RunningClickHouse, raw: Raw, compression: str | bool
) -> None:
    await raw.post("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    async with await clickhouse_connect.get_async_client(
        dsn=clickhouse_server.url, database=raw.database, compress=compression
    ) as writer:

        async def context() -> InsertContext:
            made = await writer.create_insert_context("t", ["a", "s"])
            made.data = [[row, f"row {row}"] for row in range(ROWS)]
            made.block_row_count = ROWS // 10
            made.compression = writer.write_compression
            return made

        sent = list(NativeTransform.build_insert(await context()))
        assert len(sent) >= 10, "one block proves nothing"
        assert (await writer.data_insert(await context())).written_rows == ROWS
        result = await writer.query("SELECT count(), sum(a), max(s) FROM t")
    assert result.result_rows == [(ROWS, ROWS * (ROWS - 1) // 2, "row 9999")]


async def test_a_large_insert_arrives_whole(client: AsyncClient) -> None:
    await client.command("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    rows = 200_000
    text = "x" * 100
    await client.insert("t", [list(range(rows)), [text] * rows], ["a", "s"], column_oriented=True)  # 22 MB
    assert (await client.query("SELECT count(), uniqExact(a), sum(length(s)) FROM t")).result_rows == [
        (rows, rows, rows * 100)
    ]


COLUMNS = """
    id UInt32, price Decimal(38, 18), time DateTime64(3, 'UTC'), second DateTime('UTC'),
    volume Nullable(Decimal(38, 18)), symbol LowCardinality(String), tags Array(String), flag Bool,
    pair Tuple(Int8, String), counts Map(String, UInt64), kind Enum8('a' = 1, 'b' = 2), key UUID, ratio Float64
"""
SECOND = datetime(2026, 1, 1, tzinfo=UTC)
TIME = SECOND.replace(microsecond=123_000)
AWKWARD = "it's \\ a \t tab\nand `more` {x:String} ü"


async def test_all_column_types_come_back_as_they_went(client: AsyncClient) -> None:
    await client.command(f"CREATE TABLE t ({COLUMNS}) ENGINE = MergeTree ORDER BY id")
    price, smallest = Decimal("68123.450000000000000001"), Decimal("-0.000000000000000001")
    largest = Decimal("99999999999999999999.999999999999999999")
    rows = [
        [1, price, TIME, SECOND, None, "BTCUSDT", ["a", "", "ü"], True, (-1, "x"), {"k": 5}, "a", UUID(int=7), 0.1],
        [2, smallest, TIME, SECOND, largest, "", [], False, (1, AWKWARD), {}, "b", UUID(int=0), -1e300],
    ]
    await client.insert("t", rows)
    result = await client.query("SELECT * FROM t ORDER BY id", tz_mode="aware")
    assert [list(row) for row in result.result_rows] == rows


@pytest.mark.parametrize(
    ("kind", "given", "answer"),
    [
        ("String", AWKWARD, AWKWARD),
        ("UInt64", 2**64 - 1, 2**64 - 1),
        ("Decimal(38, 18)", Decimal("1.000000000000000001"), Decimal("1.000000000000000001")),
        ("Array(String)", ["a'b", AWKWARD], ["a'b", AWKWARD]),
        ("Nullable(String)", None, None),
        ("Bool", True, True),
        ("DateTime64(3, 'UTC')", "2026-01-01 00:00:00.123", TIME),
        ("DateTime('UTC')", SECOND, SECOND),
    ],
)
async def test_parameters_of_each_kind_reach_the_server(
    client: AsyncClient, kind: str, given: Any, answer: Any
) -> None:
    result = await client.query(f"SELECT {{given:{kind}}}", parameters={"given": given}, tz_mode="aware")
    assert result.result_rows == [(answer,)]


async def test_parameters_may_be_names_or_be_filled_in_by_the_client(client: AsyncClient) -> None:
    named = await client.query("SELECT {name:Identifier} FROM (SELECT 7 AS seven)", parameters={"name": "seven"})
    assert named.result_rows == [(7,)]
    assert (await client.query("SELECT %(text)s", parameters={"text": AWKWARD})).result_rows == [(AWKWARD,)]


async def test_long_parameters_go_by_form(client: AsyncClient) -> None:
    symbols = [f"SYMBOL{number}USDT" for number in range(3000)]
    result = await client.query("SELECT length({list:Array(String)}), 'ü'", parameters={"list": symbols})
    assert result.result_rows == [(3000, "ü")]


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM t", "SELECT * FROM t LIMIT 0", "WITH 1 AS x SELECT * FROM t WHERE a = x -- end"]
)
async def test_an_empty_result_has_its_columns(client: AsyncClient, sql: str) -> None:
    await client.command(
        "CREATE TABLE t (a UInt32, l LowCardinality(Nullable(String)), d Decimal(38, 18)) ENGINE = Memory"
    )
    result = await client.query(sql)
    assert result.column_names == ("a", "l", "d")
    assert result.result_rows == []


async def test_statements_without_a_table_answer_as_a_server_does(client: AsyncClient) -> None:
    assert (await client.query("SHOW TABLES")).column_names == ("name",)
    assert await client.command("EXISTS TABLE nowhere") == 0
    assert (await client.query("DESCRIBE (SELECT 1 AS one)")).result_rows[0][:2] == ("one", "UInt8")
    assert await client.command("SELECT 'a', 2") == ["a", "2"]


async def test_a_large_result_is_streamed_in_blocks(client: AsyncClient) -> None:
    async with await client.query_column_block_stream("SELECT number FROM numbers(3000000)") as stream:
        sizes = [len(block[0]) async for block in stream]
    assert sum(sizes) == 3_000_000
    assert len(sizes) > 10


@pytest.mark.parametrize(
    "name",
    ["CSV", "TabSeparatedWithNamesAndTypes", "JSONEachRow", "Parquet", "ArrowStream", "Arrow", "RowBinary", "Native"],
)
async def test_raw_formats_go_in_and_out(client: AsyncClient, name: str) -> None:
    await client.command("CREATE TABLE t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
    rows = "SELECT toUInt32(number) AS a, toString(number) AS s FROM numbers(100000)"
    data = await client.raw_query(rows, fmt=name)
    await client.raw_insert("t", ["a", "s"], data, fmt=name)
    totals = await client.query("SELECT count(), sum(a), uniqExact(s) FROM t")
    assert totals.result_rows == [(100_000, 4_999_950_000, 100_000)]


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ],
)
async def test_errors_have_their_codes(client: AsyncClient, sql: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        await client.query(sql)
    assert (raised.value.code, raised.value.name) == (code, name)


async def test_an_error_in_the_middle_of_a_stream_does_not_look_like_its_end(client: AsyncClient) -> None:
    stream = await client.query_row_block_stream("SELECT throwIf(number = 3000000) FROM numbers(6000000)")
    async with stream as blocks:
        assert len(await anext(blocks)) > 0
        with pytest.raises(StreamFailureError):
            [block async for block in blocks]


async def test_many_clients_at_once_get_their_own_answers(client: AsyncClient) -> None:
    async def ask(number: int) -> int:
        return int((await client.query("SELECT {n:UInt32}", parameters={"n": number})).result_rows[0][0])

    assert await asyncio.gather(*map(ask, range(40))) == list(range(40))


def test_the_synchronous_client_works_too(clickhouse_server: RunningClickHouse) -> None:
    with clickhouse_connect.get_client(dsn=clickhouse_server.url) as client:
        client.command("CREATE TEMPORARY TABLE t (a UInt8)")  # it has a session of its own accord
        client.insert("t", [[1], [2]])
        assert client.query("SELECT sum(a) FROM t").result_rows == [(3,)]
