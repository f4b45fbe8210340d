"""Ticks of the Go original: its table `market_tickers`, into ours, with the source `binance` and without volumes.

The rows travel in ClickHouse's native format, ten minutes at a time; each such block is one insert. A window in which
rows of that source are here already is left as it is, so that a run which was cut short goes on where it ended.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from services.kafka_clickhouse.clickhouse import answered, connect
from services.kafka_clickhouse.errors import ForeignTableError, KafkaClickHouseError
from services.kafka_clickhouse.migrate import TICKER_COLUMNS
from services.market.names import DEFAULT_SOURCE

TIMEOUT_S = 120.0
SOURCE = DEFAULT_SOURCE
PROGRAM = "python -m services.kafka_clickhouse import-go"

_TEXTS = ("message_id", "event_type", "symbol")
_TIMES = ("event_time", "receive_time")
_PRICES = ("close_price", "open_price", "high_price", "low_price", "change_price", "change_percent")
_COLUMNS = (*_TEXTS, *_TIMES, *_PRICES, "volume", "quote_volume", "source")
_WINDOW = "toStartOfTenMinutes(toTimeZone(event_time, 'UTC'))"
_WINDOWS = f"SELECT {_WINDOW} AS w, count() FROM market_tickers GROUP BY w ORDER BY w"  # noqa: S608 - names of our own
_PRESENT = f"SELECT DISTINCT {_WINDOW} FROM market_tickers WHERE source = '{SOURCE}'"  # noqa: S608
_SELECTED = (
    *(f"toString({name}) AS {name}" for name in _TEXTS),
    *(f"toDateTime64({name}, 3, 'UTC') AS {name}" for name in _TIMES),
    *(f"toDecimal128({name}, 18) AS {name}" for name in _PRICES),
    "toDecimal128(0, 18) AS volume",
    "toDecimal128(0, 18) AS quote_volume",
    f"'{SOURCE}' AS source",
)
_EVENT_MS = "toUnixTimestamp64Milli(toDateTime64(event_time, 3, 'UTC'))"
_ROWS = (
    f"SELECT {', '.join(_SELECTED)} FROM (SELECT * FROM market_tickers"  # noqa: S608 - names of our own
    f" WHERE {_EVENT_MS} >= {{start}} AND {_EVENT_MS} < {{start}} + 600000)"
)


def main(arguments: list[str], target_url: str) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Bring the ticks of the Go original over.")
    where = "http://user:password@host:8123/crypto"
    parser.add_argument("--from", dest="source", required=True, metavar="URL", help=where)
    parser.add_argument("--dry-run", action="store_true", help="count, change nothing")
    options = parser.parse_args(arguments)
    try:
        added, kept = asyncio.run(import_ticks(options.source, target_url, dry_run=options.dry_run))
    except KafkaClickHouseError as error:
        sys.stderr.write(f"import-go: {error}. Run it again: it goes on where it ended\n")
        return 1
    done = "would be added (dry run)" if options.dry_run else "added"
    sys.stdout.write(f"{added} {done}, {kept} in windows of which rows were there already\n")
    return 0


async def import_ticks(source_url: str, target_url: str, *, dry_run: bool) -> tuple[int, int]:
    """How many rows were added, and how many left alone. Raises KafkaClickHouseError."""
    source, target = await connect(source_url, timeout_s=TIMEOUT_S), await connect(target_url, timeout_s=TIMEOUT_S)
    try:
        await _require_tables(source, target)
        windows = await _query(source, _WINDOWS)
        present = {window for (window,) in await _query(target, _PRESENT)}
        added = kept = 0
        for window, count in windows:
            if window in present:
                kept += count
                continue
            if not dry_run:
                await _copy(source, target, window)
            added += count
            sys.stderr.write(f"{window:%Y-%m-%d %H:%M}: {added} of {sum(count for _, count in windows)} rows\n")
        return added, kept
    finally:
        await source.close()
        await target.close()


async def _copy(source: AsyncClient, target: AsyncClient, window: datetime) -> None:
    start_ms = int(window.replace(tzinfo=UTC).timestamp() * 1000)
    async with answered(TIMEOUT_S):
        block = await source.raw_query(_ROWS.replace("{start}", str(start_ms)), fmt="Native")
        await target.raw_insert("market_tickers", _COLUMNS, block, fmt="Native")


async def _require_tables(source: AsyncClient, target: AsyncClient) -> None:
    theirs = {name for (name,) in await _query(source, TICKER_COLUMNS)}
    ours = {name for (name,) in await _query(target, TICKER_COLUMNS)}
    missing = [name for name in (*_TEXTS, *_TIMES, *_PRICES) if name not in theirs]
    if missing:
        raise ForeignTableError(f"the source has no table market_tickers with the columns {', '.join(missing)}")
    if "source" not in ours:
        raise ForeignTableError("the target is not migrated: run `python -m services.kafka_clickhouse migrate` first")


async def _query(client: AsyncClient, query: str) -> list[Any]:
    async with answered(TIMEOUT_S):
        return list((await client.query(query)).result_rows)
