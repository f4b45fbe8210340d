"""The back-fill's command as a process, and what it is to bring about: candles as the exchange's klines have them."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.backfill.plan import INTERVALS
from services.kafka_clickhouse.clickhouse import connect
from services.kafka_clickhouse.migrate import upgrade
from tests.clickhouse_server import RunningClickHouse
from tests.processes import REPOSITORY

DEADLINE_S = 60.0


@asynccontextmanager
async def own_database(server: RunningClickHouse) -> AsyncIterator[str]:
    """CLICKHOUSE_URL of a database of the test's own, with our schema."""
    url = f"{server.url.rpartition('/')[0]}/test_{secrets.token_hex(6)}"
    await upgrade(url, {})
    yield url
    async with connected(url) as client:
        await client.command(f"DROP DATABASE {client.database}", use_database=False)


Candle = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal | None, Decimal | None, int | None]
"""Start in ms, open, high, low, close, volume, quote volume, trades."""


@dataclass(frozen=True, slots=True)
class Finished:
    code: int
    out: str
    err: str


@dataclass(slots=True)
class Command:
    """`python -m services.backfill …`, started."""

    process: asyncio.subprocess.Process
    _heard: bytes = b""

    async def until_output(self, text: str) -> None:
        """Wait until a line of its progress holds `text`."""
        assert self.process.stderr is not None
        async with asyncio.timeout(DEADLINE_S):
            while text.encode() not in (line := await self.process.stderr.readline()):
                assert line, "the command has ended"
                self._heard += line
        self._heard += line

    async def finished(self) -> Finished:
        async with asyncio.timeout(DEADLINE_S):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return Finished(self.process.returncode, out.decode(), (self._heard + err).decode())


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[Command]:
    """The command with these variables (in lower case here), ended when left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.backfill", *arguments),
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **{k.upper(): v for k, v in environment.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def backfill(*arguments: str, **environment: str) -> Finished:
    async with started(*arguments, **environment) as command:
        return await command.finished()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncClient]:
    client = await connect(url)
    try:
        yield client
    finally:
        await client.close()


async def candles(client: AsyncClient, interval: str, symbol: str = "BTCUSDT", where: str = "1") -> list[Candle]:
    """What readers see, ascending."""
    sql = (
        "SELECT toUnixTimestamp(time) * 1000 AS start_ms, open, high, low, close, volume, quote_volume, trades "
        f"FROM candles_{interval} WHERE source = 'simulator' AND symbol = {{symbol:String}} AND {where} ORDER BY time"
    )
    return [tuple(row) for row in (await client.query(sql, {"symbol": symbol})).result_rows]


async def insert_ticks(client: AsyncClient, symbol: str, ticks: Sequence[tuple[int, Decimal]]) -> None:
    """Mini-tickers as live prices bring them: event time in ms, and price."""
    if not ticks:
        return
    word, moment, amount = "LowCardinality(String)", "DateTime64(3, 'UTC')", "Decimal(38, 18)"
    times_ms, prices = zip(*ticks, strict=True)
    columns = {
        "symbol": (word, [symbol] * len(ticks)),
        "source": (word, ["simulator"] * len(ticks)),
        "event_time": (moment, times_ms),
        "receive_time": (moment, times_ms),
        "close_price": (amount, prices),
    }
    await client.insert(
        "market_tickers",
        [values for _, values in columns.values()],
        column_names=list(columns),
        column_type_names=[kind for kind, _ in columns.values()],
        column_oriented=True,
    )


async def exchange_candles(
    http: httpx.AsyncClient, interval: str, first_ms: int, end_ms: int, symbol: str = "BTCUSDT"
) -> list[Candle]:
    """The exchange's klines of a symbol that lie within [first_ms, end_ms), ascending."""
    length_ms = INTERVALS[interval].length_ms
    found: list[Candle] = []
    start_ms = first_ms
    while start_ms + length_ms <= end_ms:
        query = f"symbol={symbol}&interval={interval}&startTime={start_ms}&endTime={end_ms - 1}&limit=1000"
        rows: list[list[Any]] = (await http.get(f"/api/v3/klines?{query}")).json()
        if not rows:
            break
        found += [_candle(row) for row in rows if row[6] < end_ms]
        start_ms = rows[-1][0] + length_ms
    return found


def _candle(row: list[Any]) -> Candle:
    opened, high, low, close, volume, quote_volume = (Decimal(row[at]) for at in (1, 2, 3, 4, 5, 7))
    return row[0], opened, high, low, close, volume, quote_volume, row[8]
