"""The schema's history: what is applied, when it is refused, and that to apply it twice does no harm."""

import asyncio
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.kafka_clickhouse.errors import ChangedHistoryError
from services.kafka_clickhouse.migrate import upgrade
from services.kafka_clickhouse.migrations import pending, read_migrations
from tests.backfill.running import connected
from tests.clickhouse_server import RunningClickHouse
from tests.processes import REPOSITORY, free_port

FOR_EVER = {"market_tickers": 0, "candles_1s_states": 0}


@pytest.fixture
def new_url(clickhouse_server: RunningClickHouse) -> str:
    """CLICKHOUSE_URL of a database that does not exist yet."""
    return f"{clickhouse_server.url.rpartition('/')[0]}/test_{secrets.token_hex(6)}"


def written(directory: Path, **files: str) -> Path:
    for name, content in files.items():
        (directory / f"{name.lstrip('_')}.sql").write_text(content)
    return directory


def test_a_file_may_hold_several_statements(tmp_path: Path) -> None:
    (migration,) = read_migrations(written(tmp_path, _0001_two="-- why; how\nSELECT ';' ;\n\nSELECT\n  2;\n"))
    assert (migration.version, migration.name) == (1, "two")
    assert migration.statements == ("-- why; how\nSELECT ';'", "SELECT\n  2")


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0003 stands where 0002 should"):
        read_migrations(written(tmp_path, _0001_a="SELECT 1;", _0003_b="SELECT 1;"))


def test_a_file_with_another_kind_of_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not named like"):
        read_migrations(written(tmp_path, first="SELECT 1;"))


def test_what_is_applied_is_not_pending(tmp_path: Path) -> None:
    first, second = read_migrations(written(tmp_path, _0001_a="SELECT 1;", _0002_b="SELECT 2;"))
    assert pending([first, second], {1: ("a", first.checksum)}) == [second]


def test_a_file_that_changed_after_it_was_applied_is_refused(tmp_path: Path) -> None:
    known = read_migrations(written(tmp_path, _0001_a="SELECT 1;"))
    with pytest.raises(ChangedHistoryError, match="0001_a was changed after it had been applied"):
        pending(known, {1: ("a", "0" * 64)})


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    known = read_migrations(written(tmp_path, _0001_a="SELECT 1;"))
    with pytest.raises(ChangedHistoryError, match="0002_b, which this version lacks"):
        pending(known, {1: ("a", known[0].checksum), 2: ("b", "0" * 64)})


async def tables(client: AsyncClient) -> set[str]:
    return {name for (name,) in (await client.query("SHOW TABLES")).result_rows}


async def test_it_makes_the_database_and_a_second_run_changes_nothing(new_url: str) -> None:
    await upgrade(new_url, FOR_EVER)
    async with connected(new_url) as client:
        made = await tables(client)
        assert {"market_tickers", "candles_1s", "candles_1m", "candles_1h", "candles_1d"} < made
        await upgrade(new_url, FOR_EVER)
        assert await tables(client) == made
        rows = (await client.query("SELECT version, count() FROM schema_migrations GROUP BY version")).result_rows
        assert sorted(map(tuple, rows)) == [(migration.version, 1) for migration in read_migrations()]


async def test_two_runners_at_once_do_no_harm(new_url: str) -> None:
    await asyncio.gather(upgrade(new_url, FOR_EVER), upgrade(new_url, FOR_EVER))
    await upgrade(new_url, FOR_EVER)


async def test_a_run_that_died_in_the_middle_is_finished_by_the_next(new_url: str) -> None:
    await upgrade(new_url, FOR_EVER)
    async with connected(new_url) as client:
        await client.command("DROP VIEW candles_1d")
        await client.command("DROP VIEW candles_1d_feed")
        await client.command("TRUNCATE TABLE schema_migrations")
        await upgrade(new_url, FOR_EVER)
        assert {"candles_1d", "candles_1d_feed"} < await tables(client)


async def has_ttl(client: AsyncClient, table: str) -> bool:
    sql = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {t:String}"
    ((made_by,),) = (await client.query(sql, {"t": table})).result_rows
    return " TTL " in made_by


async def test_rows_are_kept_for_as_long_as_configured(new_url: str) -> None:
    await upgrade(new_url, {"market_tickers": 30, "candles_1s_states": 7})
    async with connected(new_url) as client:
        insert = (
            "INSERT INTO market_tickers (symbol, event_time, close_price) "
            "SELECT 'X', now64(3) - toIntervalDay({d:UInt8}), 1"
        )
        for age_days in (3, 20, 40):
            await client.command(insert, {"d": age_days})
        for table in ("market_tickers", "candles_1s_states", "candles_1m_states"):
            await client.command(f"OPTIMIZE TABLE {table} FINAL")
        counts = [
            (await client.query(f"SELECT count() FROM {table}")).result_rows[0][0]
            for table in ("market_tickers", "candles_1s_states", "candles_1m_states")
        ]
        assert counts == [2, 1, 3]
        await upgrade(new_url, FOR_EVER)
        assert not await has_ttl(client, "market_tickers")
        assert not await has_ttl(client, "candles_1s_states")


def test_the_command_ends_with_a_sentence_when_clickhouse_is_away() -> None:
    url = f"http://crypto:secret@127.0.0.1:{free_port()}/crypto"
    ended = subprocess.run(
        [sys.executable, "-m", "services.kafka_clickhouse", "migrate"],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "CLICKHOUSE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "migrate: ClickHouse does not take it now" in ended.stderr
    assert "secret" not in ended.stderr
