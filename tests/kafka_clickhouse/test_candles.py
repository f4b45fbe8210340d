"""Candles from mini-tickers in the real engine: neither order, nor repetition, nor how they are inserted changes any.

What klines add is in test_backfill_candles.py.
"""

import random
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kafka_clickhouse.clickhouse import connect
from services.kafka_clickhouse.native import MARKET_TICKERS
from services.market.kafka_msg import KafkaMsg
from tests.backfill.running import own_database
from tests.clickhouse_server import RunningClickHouse

START_MS = 1_767_225_600_000
"""2026-01-01."""
DAY_MS = 86_400_000
LENGTHS_S = {"1s": 1, "1m": 60, "1h": 3_600, "1d": 86_400}
sources = (f"source{number}" for number in count())

prices = st.decimals("0.00000001", "99999999999.99999999", places=8).map(str)
volumes = st.sampled_from(["0", "1.5", "99999999999999999999.999999999999999999"])
moments = st.builds(
    lambda bound_ms, offset_ms: START_MS + bound_ms + offset_ms,
    st.sampled_from([0, 1_000, 60_000, 3_600_000, DAY_MS, 31 * DAY_MS]),
    st.sampled_from([-1, 0, 1, 999, 1_000]) | st.integers(-120_000, 120_000),
)
"""Around the bounds of seconds, minutes, hours, days and months."""


@st.composite
def tickers(draw: st.DrawFn) -> list[KafkaMsg]:
    """Of two symbols; some at one instant, which the contract excludes and nothing prevents."""
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(["AUSDT", "BUSDT"]), moments, prices, volumes, volumes), min_size=1, max_size=40
        )
    )
    return [
        KafkaMsg(f"{s}:{at}", "24hrMiniTicker", at, at, s, c, "1", "1", "1", "0", "0", v, q) for s, at, c, v, q in drawn
    ]


@pytest.fixture
async def database(clickhouse_server: RunningClickHouse) -> AsyncIterator[str]:
    async with own_database(clickhouse_server) as url:
        yield url


async def insert(client: AsyncClient, source: str, rows: Sequence[KafkaMsg]) -> None:
    for row in rows:
        row.src = source
    table, once = MARKET_TICKERS, {"insert_deduplicate": 0}
    await client.raw_insert(table.name, table.columns, table.encode(rows), settings=once, fmt="Native")


async def candles(client: AsyncClient, interval: str, source: str) -> list[tuple[Any, ...]]:
    sql = (
        "SELECT symbol, toUnixTimestamp(time), open, high, low, close, volume, quote_volume, volume_24h, "
        f"quote_volume_24h FROM candles_{interval} WHERE source = {{source:String}} ORDER BY symbol, time"
    )
    return [tuple(row) for row in (await client.query(sql, {"source": source})).result_rows]


def reference(rows: Iterable[KafkaMsg], length_s: int) -> list[tuple[Any, ...]]:
    """The same by definition. Volumes of 0 and 0 are those of a peer that does not send them."""
    groups: dict[tuple[str, int], list[KafkaMsg]] = {}
    for row in rows:
        groups.setdefault((row.s, row.E // 1_000 // length_s * length_s), []).append(row)
    return sorted((*key, *_ohlc(group), None, None, *_rolling(group)) for key, group in groups.items())


def _ohlc(group: list[KafkaMsg]) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    in_time = sorted((row.E, Decimal(row.c)) for row in group)
    seen = [price for _, price in in_time]
    return seen[0], max(seen), min(seen), seen[-1]


def _rolling(group: list[KafkaMsg]) -> tuple[Decimal | None, Decimal | None]:
    known = [(row.E, Decimal(row.v), Decimal(row.q)) for row in group if (row.v, row.q) != ("0", "0")]
    return max(known)[1:] if known else (None, None)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tickers(), st.randoms(use_true_random=False))
async def test_any_order_any_repetition_any_split_make_the_same_candles(
    database: str, messages: list[KafkaMsg], chance: random.Random
) -> None:
    source = next(sources)
    sent = messages + chance.choices(messages, k=len(messages))
    chance.shuffle(sent)
    client = await connect(database)
    try:
        while sent:
            size = chance.randint(1, len(sent))
            await insert(client, source, sent[:size])
            sent = sent[size:]
        if chance.random() < 0.5:
            for interval in LENGTHS_S:
                await client.command(f"OPTIMIZE TABLE candles_{interval}_states FINAL")
        for interval, length_s in LENGTHS_S.items():
            assert await candles(client, interval, source) == reference(messages, length_s)
    finally:
        await client.close()


@pytest.fixture
async def full_database(database: str) -> AsyncIterator[AsyncClient]:
    """30 days of one symbol's minutes, and as much of 199 others for 12 hours."""
    client = await connect(database)
    fill = (
        "INSERT INTO candles_1m_states (source, symbol, time, open, high, low, close) "
        "SELECT 'binance', 'S' || toString({0}), toDateTime({1} * 60, 'UTC') AS t, (t, 1), 1, 1, (t, 1) "
        "FROM numbers({2})"
    )
    minute = START_MS // 60_000
    await client.command(fill.format(7, f"({minute} + number)", 43_200))
    await client.command(fill.format("number % 200", f"({minute} + intDiv(number, 200))", 200 * 720))
    await client.command("OPTIMIZE TABLE candles_1m_states FINAL")
    yield client
    await client.close()


async def read_rows(client: AsyncClient, sql: str) -> int:
    return int((await client.query(sql)).summary["read_rows"])


async def test_a_reader_of_one_symbol_reads_little_of_the_others(full_database: AsyncClient) -> None:
    of_one = "SELECT * FROM candles_1m WHERE source = 'binance' AND symbol = 'S7'"
    assert await read_rows(full_database, of_one) < 43_200 + 2 * 8_192
    of_an_hour = f"{of_one} AND time >= '2026-01-20 00:00:00' AND time < '2026-01-20 01:00:00'"
    assert await read_rows(full_database, of_an_hour) <= 2 * 8_192


async def test_the_newest_rows_are_found_without_reading_the_old_ones(database: str) -> None:
    client = await connect(database)
    try:
        fill = (
            "INSERT INTO market_tickers (symbol, event_time, close_price, inserted_at) "
            "SELECT 'S' || toString(number % 20), "
            "fromUnixTimestamp64Milli(toInt64({0} + intDiv(number, 20) * 1000), 'UTC') AS t, 1, t FROM numbers(400000)"
        )
        await client.command(fill.format(START_MS))
        await client.command("OPTIMIZE TABLE market_tickers FINAL")
        for column in ("event_time", "inserted_at"):
            newest = f"SELECT count() FROM market_tickers WHERE {column} >= '2026-01-01 05:33:00'"
            assert await read_rows(client, newest) <= 20 * 2 * 2_048
    finally:
        await client.close()
