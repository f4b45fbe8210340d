"""Blocks of the Native format, read back by the real engine."""

import asyncio
import string
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kafka_clickhouse.clickhouse import connect
from services.kafka_clickhouse.native import MARKET_TICKERS, TRADES, Table, strings, varint
from services.market.kafka_msg import KafkaMsg
from services.market.trade_msg import TradeMsg
from tests.backfill.running import own_database
from tests.clickhouse_server import RunningClickHouse

letters = st.characters(exclude_categories=["Cs"])
names = st.text(letters, min_size=1, max_size=40) | st.sampled_from(["€USDT", "A" * 200])
numbers = st.builds(
    lambda sign, whole, part: f"{sign}{whole}.{part}",
    st.sampled_from(["", "-"]),
    st.integers(0, 10**20 - 1),
    st.text(string.digits, min_size=1, max_size=18),
)
moments = st.integers(1_000_000_000_000, 4_102_444_799_999)
rows = st.builds(
    KafkaMsg,
    **dict.fromkeys(("c", "o", "h", "l", "change_price", "change_percent", "v", "q"), numbers),
    **dict.fromkeys(("message_id", "e", "s", "src"), names),
    E=moments,
    receive_time=moments,
)
ids = st.integers(0, 2**63 - 1)
trades = st.builds(
    TradeMsg,
    e=st.just("aggTrade"),
    **dict.fromkeys(("p", "q"), numbers),
    **dict.fromkeys(("s", "src"), names),
    **dict.fromkeys(("E", "T", "receive_time"), st.integers(1_700_000_000_000, 1_800_000_000_000)),
    a=ids,
    f=ids | st.just(-1),
    l=ids | st.just(-1),
    m=st.booleans(),
)


@pytest.fixture
def database(clickhouse_server: RunningClickHouse) -> Iterator[str]:
    with asyncio.Runner() as runner:
        context = own_database(clickhouse_server)
        url = runner.run(context.__aenter__())
        yield url
        runner.run(context.__aexit__(None, None, None))


async def round_trip(url: str, table: Table[Any], messages: list[Any]) -> list[tuple[object, ...]]:
    """What the engine has of these rows, and of nothing else."""
    client = await connect(url)
    try:
        await client.command(f"TRUNCATE TABLE {table.name}")
        once = {"insert_deduplicate": 0}
        await client.raw_insert(table.name, table.columns, table.encode(messages), settings=once, fmt="Native")
        columns = ", ".join(name if "time" not in name else f"toUnixTimestamp64Milli({name})" for name in table.columns)
        return [tuple(row) for row in (await client.query(f"SELECT {columns} FROM {table.name}")).result_rows]
    finally:
        await client.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(rows, min_size=1, max_size=30, unique_by=lambda row: (row.s, row.E, row.src)))
def test_the_engine_reads_what_was_encoded(database: str, messages: list[KafkaMsg]) -> None:
    expected = [
        (
            *(row.message_id, row.e, row.s),
            *(
                Decimal(text)
                for text in (row.c, row.o, row.h, row.l, row.change_price, row.change_percent, row.v, row.q)
            ),
            *(row.src, row.E, row.receive_time),
        )
        for row in messages
    ]
    assert sorted(asyncio.run(round_trip(database, MARKET_TICKERS, messages))) == sorted(expected)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(trades, min_size=1, max_size=30, unique_by=lambda row: (row.s, row.a, row.src)))
def test_the_engine_reads_the_trades_that_were_encoded(database: str, messages: list[TradeMsg]) -> None:
    expected = [
        (row.s, row.a, Decimal(row.p), Decimal(row.q), row.f, row.l, row.E, row.T, row.m, row.receive_time, row.src)
        for row in messages
    ]
    assert sorted(asyncio.run(round_trip(database, TRADES, messages))) == sorted(expected)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 65_535, 65_536, 70_000])
def test_a_column_of_any_length_is_lengths_and_letters(count: int) -> None:
    assert strings(["ab"] * count) == b"\x02ab" * count


@given(st.lists(st.text(letters, max_size=400)))
def test_a_column_of_any_text_is_lengths_and_letters(values: list[str]) -> None:
    assert strings(values) == b"".join(varint(len(text)) + text for text in (value.encode() for value in values))
