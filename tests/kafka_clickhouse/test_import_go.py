"""Ticks of the Go original, brought over by the command; and its table, which a migration must not take for ours."""

import secrets
from decimal import Decimal

import pytest

from services.kafka_clickhouse.errors import ForeignTableError
from services.kafka_clickhouse.import_go import import_ticks
from services.kafka_clickhouse.migrate import upgrade
from tests.backfill.running import connected
from tests.clickhouse_server import RunningClickHouse

FOR_EVER = {"market_tickers": 0, "candles_1s_states": 0}
GO_TABLE = """
CREATE TABLE market_tickers (message_id String, event_type String, event_time DateTime64(3), receive_time DateTime64(3),
    symbol String, close_price Decimal64(8), open_price Decimal64(8), high_price Decimal64(8), low_price Decimal64(8),
    change_price Decimal64(8), change_percent Decimal64(8))
ENGINE = MergeTree() PARTITION BY toYYYYMM(event_time) ORDER BY (symbol, event_time)
"""
GO_ROWS = """
INSERT INTO market_tickers SELECT toString(number), '24hrMiniTicker', toDateTime64('2026-01-01 00:00:00.123', 3, 'UTC')
    + number * 300, toDateTime64('2026-01-01 00:00:01', 3, 'UTC') + number * 300, 'BTCUSDT',
    toDecimal64('68123.45000001', 8), 1, 2, 3, toDecimal64('-0.00000001', 8), 0 FROM numbers(5)
"""


@pytest.fixture
async def go_url(clickhouse_server: RunningClickHouse) -> str:
    url = f"{clickhouse_server.url.rpartition('/')[0]}/test_go_{secrets.token_hex(6)}"
    async with connected(url) as client:
        await client.command(f"CREATE DATABASE {url.rpartition('/')[2]}", use_database=False)
        await client.command(GO_TABLE)
        await client.command(GO_ROWS)
    return url


async def test_ticks_come_over_exactly_and_once(clickhouse_server: RunningClickHouse, go_url: str) -> None:
    target = f"{clickhouse_server.url.rpartition('/')[0]}/test_{secrets.token_hex(6)}"
    await upgrade(target, FOR_EVER)
    assert await import_ticks(go_url, target, dry_run=True) == (5, 0)
    assert await import_ticks(go_url, target, dry_run=False) == (5, 0)
    assert await import_ticks(go_url, target, dry_run=False) == (0, 5)
    async with connected(target) as client:
        rows = await client.query(
            "SELECT toUnixTimestamp64Milli(event_time), symbol, close_price, change_price, source"
            " FROM market_tickers ORDER BY event_time"
        )
        candles = await client.query("SELECT count() FROM candles_1m WHERE source = 'binance'")
    prices = ("BTCUSDT", Decimal("68123.45000001"), Decimal("-0.00000001"), "binance")
    assert rows.result_rows == [(1767225600123 + 300_000 * number, *prices) for number in range(5)]
    assert candles.result_rows == [(5,)]


async def test_the_go_originals_table_is_not_taken_for_ours(go_url: str) -> None:
    with pytest.raises(ForeignTableError, match="market_tickers that another program made"):
        await upgrade(go_url, FOR_EVER)
    async with connected(go_url) as client:
        assert (await client.query("SELECT count() FROM market_tickers")).result_rows == [(5,)]


async def test_a_source_without_the_table_is_refused(clickhouse_server: RunningClickHouse, go_url: str) -> None:
    empty = f"{clickhouse_server.url.rpartition('/')[0]}/test_{secrets.token_hex(6)}"
    async with connected(empty) as client:
        await client.command(f"CREATE DATABASE {empty.rpartition('/')[2]}", use_database=False)
    with pytest.raises(ForeignTableError, match="the source has no table market_tickers"):
        await import_ticks(empty, go_url, dry_run=True)
