"""The engine's tables do here what the services build on: cascades, replays that converge, merges, TTL."""

from tests.clickhouse.conftest import Raw
from tests.processes import until

CASCADE = """
CREATE TABLE ticks (symbol String, time DateTime64(3, 'UTC'), price Decimal(38, 18))
ENGINE = MergeTree ORDER BY (symbol, time);

CREATE TABLE minutes (
    symbol String, time DateTime('UTC'), high AggregateFunction(max, Decimal(38, 18)),
    close AggregateFunction(argMax, Decimal(38, 18), DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree ORDER BY (symbol, time);

CREATE TABLE hours AS minutes;

CREATE MATERIALIZED VIEW to_minutes TO minutes AS
SELECT symbol, toStartOfMinute(ticks.time) AS time, maxState(price) AS high, argMaxState(price, ticks.time) AS close
FROM ticks GROUP BY symbol, time;

CREATE MATERIALIZED VIEW to_hours TO hours AS
SELECT symbol, toStartOfHour(minutes.time) AS time, maxMergeState(high) AS high, argMaxMergeState(close) AS close
FROM minutes GROUP BY symbol, time
"""
TICKS = """INSERT INTO ticks FORMAT CSV
BTCUSDT,2026-01-01 00:00:01.000,3
BTCUSDT,2026-01-01 00:59:59.999,2
BTCUSDT,2026-01-01 01:00:00.000,1
"""
HOURS = "SELECT time, maxMerge(high), argMaxMerge(close) FROM hours GROUP BY time ORDER BY time FORMAT CSV"


async def test_a_cascade_of_views_fills_the_coarser_tables(raw: Raw) -> None:
    for sql in CASCADE.split(";"):
        assert (await raw.post(sql)).text == ""
    for _ in range(2):  # a replay changes nothing
        await raw.post(TICKS)
    assert (await raw.post(HOURS)).text == '"2026-01-01 00:00:00",3,2\n"2026-01-01 01:00:00",1,1\n'


async def test_an_error_after_parsing_is_reported_and_nothing_is_stored(raw: Raw) -> None:
    await raw.post(
        "CREATE TABLE t (a Int32, CONSTRAINT positive CHECK a > 0) ENGINE = MergeTree ORDER BY a PARTITION BY a"
    )
    refused = await raw.post("INSERT INTO t FORMAT CSV\n-1\n")
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "469")
    refused = await raw.post("INSERT INTO t FORMAT CSV\n1\n2\n", max_partitions_per_insert_block=1)
    assert refused.headers["X-ClickHouse-Exception-Code"] == "252"
    await raw.post(
        "CREATE MATERIALIZED VIEW throwing ENGINE = MergeTree ORDER BY b "
        "AS SELECT a AS b, throwIf(a > 5) AS thrown FROM t"
    )
    refused = await raw.post("INSERT INTO t FORMAT CSV\n6\n")
    assert refused.headers["X-ClickHouse-Exception-Code"] == "395"
    assert (await raw.post("INSERT INTO t FORMAT CSV\n5\n")).status_code == 200
    assert await raw.value("SELECT count() FROM throwing") == "1"


async def test_replays_converge_at_once_with_final_and_by_themselves_in_the_end(raw: Raw) -> None:
    await raw.post(
        "CREATE TABLE t (symbol String, time UInt32) ENGINE = ReplacingMergeTree ORDER BY (symbol, time) "
        "SETTINGS merge_selecting_sleep_ms = 100, max_merge_selecting_sleep_ms = 200"
    )
    inserts = 20
    for _ in range(inserts):
        assert (await raw.post("INSERT INTO t FORMAT CSV\nBTCUSDT,1\nETHUSDT,2\n")).status_code == 200
        assert await raw.value("SELECT count() FROM t FINAL") == "2"

    async def merged() -> bool:
        return int(await raw.value("SELECT count() FROM t")) < inserts * 2

    await until(merged, what="a merge in the background")


async def test_rows_leave_by_ttl_in_the_background(raw: Raw) -> None:
    await raw.post(
        "CREATE TABLE t (time DateTime('UTC'), a UInt32) ENGINE = MergeTree ORDER BY a TTL time + INTERVAL 1 DAY "
        "SETTINGS merge_with_ttl_timeout = 1, merge_selecting_sleep_ms = 100, max_merge_selecting_sleep_ms = 200"
    )
    await raw.post("INSERT INTO t SELECT if(number % 2, now(), toDateTime('2020-01-01')), number FROM numbers(10)")

    async def only_young() -> bool:
        return await raw.value("SELECT countIf(time < '2021-01-01'), count() FROM t") == "0\t5"

    await until(only_young)
