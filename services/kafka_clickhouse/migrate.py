"""Brings a ClickHouse database to the schema of this version. Idempotent; two runners at once do no harm."""

import re

import structlog
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.kafka_clickhouse.clickhouse import answered, connect
from services.kafka_clickhouse.errors import ForeignTableError
from services.kafka_clickhouse.migrations import Migration, pending, read_migrations

log = structlog.get_logger()

STATEMENT_TIMEOUT_S = 120.0

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name String,
    checksum FixedString(64),
    applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY version
"""

TICKER_COLUMNS = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'market_tickers'"

_TIMES = {"market_tickers": "event_time", "trades": "trade_time"}
"""By what the rows of a table age, where it is not `time`."""

_MADE_BY = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"


async def upgrade(url: str, ttl_days: dict[str, int]) -> None:
    """Make the database of `url`, apply what is pending, and set how long each table of `ttl_days` keeps its rows.

    0 days are for ever. Raises `ChangedHistoryError`, `StorageUnavailableError` or `RefusedError`; what was applied by
    then stays, and the next run goes on from there.
    """
    client = await connect(url, timeout_s=STATEMENT_TIMEOUT_S)
    try:
        await _run(client, f"CREATE DATABASE IF NOT EXISTS {client.database}", use_database=False)
        await _require_own_tables(client)
        await _run(client, _HISTORY)
        for migration in pending(read_migrations(), await _applied(client)):
            await _apply(client, migration)
        for table, days in ttl_days.items():
            await _keep(client, table, days)
    finally:
        await client.close()


async def _require_own_tables(client: AsyncClient) -> None:
    """Raises `ForeignTableError` for a `market_tickers` that is not ours: IF NOT EXISTS would take any for it."""
    async with answered():
        columns = {name for (name,) in (await client.query(TICKER_COLUMNS)).result_rows}
    if columns and not {"source", "inserted_at"} <= columns:
        raise ForeignTableError(
            f"database {client.database} holds a table market_tickers that another program made (the Go original's has "
            "the same name): name another database in CLICKHOUSE_URL, and bring its rows over with import-go"
        )


async def _applied(client: AsyncClient) -> dict[int, tuple[str, str]]:
    async with answered():
        rows = await client.query("SELECT version, name, toString(checksum) FROM schema_migrations FINAL")
    return {version: (name, checksum) for version, name, checksum in rows.result_rows}


async def _apply(client: AsyncClient, migration: Migration) -> None:
    for statement in migration.statements:
        await _run(client, statement)
    async with answered():
        row = [migration.version, migration.name, migration.checksum]
        await client.insert("schema_migrations", [row], column_names=["version", "name", "checksum"])
    log.info("schema.migrated", version=migration.version, name=migration.name)


async def _keep(client: AsyncClient, table: str, days: int) -> None:
    """Set the table's TTL, unless it is that already: to set one anew makes ClickHouse look through all rows."""
    time = _TIMES.get(table, "time")
    async with answered():
        ((made_by,),) = (await client.query(_MADE_BY, {"name": table})).result_rows
    found = re.search(r" TTL .*?toIntervalDay\((\d+)\)", made_by)
    if days == (int(found[1]) if found else 0):
        return
    change = f"MODIFY TTL toDateTime({time}) + toIntervalDay({days})" if days else "REMOVE TTL"
    await _run(client, f"ALTER TABLE {table} {change}")
    log.info("schema.ttl_set", table=table, days=days)


async def _run(client: AsyncClient, statement: str, *, use_database: bool = True) -> None:
    async with answered(STATEMENT_TIMEOUT_S):
        await client.command(statement, use_database=use_database)
