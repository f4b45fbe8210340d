"""The tape after kills of aggregator, socket, consumer and repair, against the simulator's journal.

Every trade that the exchange made between the first and the last recorded one is there once, or the ledger names it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.market.names import AGG_TRADES, MINI_TICKERS, TRADE_DEAD_LETTERS
from tests.aggregator.chain import Chain, running_chain
from tests.backfill.running import connected, own_database
from tests.backfill.test_serve import serving
from tests.clickhouse_server import RunningClickHouse
from tests.kafka_broker import RunningKafka, new_topic
from tests.processes import Process, free_port, service, until

SYMBOLS = ("btcusdt", "ethusdt")
KEPT = 500_000
"""More than the exchange makes in a test: its journal, and what REST can still answer."""

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class Tape:
    """The whole way, from the exchange to ClickHouse, with the repair beside it."""

    chain: Chain
    consumer: Process
    repair: Process
    client: AsyncClient
    last: dict[str, int] = field(default_factory=dict)
    """The first trade of each symbol that was made by hand."""

    async def rows(self) -> list[tuple[str, int]]:
        rows = await self.client.query("SELECT symbol, trade_id FROM trades FINAL ORDER BY ALL")
        return [tuple(row) for row in rows.result_rows]

    async def count(self) -> int:
        ((count,),) = (await self.client.query("SELECT uniqExact(symbol, trade_id) FROM trades")).result_rows
        return int(count)

    async def until_more(self, number: int) -> None:
        """Wait until so many further trades are stored."""
        wanted = await self.count() + number

        async def more() -> bool:
            return await self.count() >= wanted

        await until(more, 120, f"{number} more trades")

    async def ledger(self) -> list[Any]:
        columns = "symbol, first_id, last_id, present, filled, missing, reason"
        return list((await self.client.query(f"SELECT {columns} FROM trade_coverage FINAL ORDER BY ALL")).result_rows)


@pytest.fixture
async def tape(redis_url: str, own_kafka: RunningKafka, clickhouse_server: RunningClickHouse) -> AsyncIterator[Tape]:
    async with running_tape(redis_url, own_kafka, clickhouse_server) as made:
        yield made


@asynccontextmanager
async def running_tape(
    redis_url: str, kafka: RunningKafka, clickhouse: RunningClickHouse, **market: object
) -> AsyncIterator[Tape]:
    chosen = {"RATE": 10, "SYMBOL_COUNT": 3, "JOURNAL_SIZE": KEPT} | market
    recorded = {"RECORD_SYMBOLS": ",".join(SYMBOLS)}
    async with (
        own_database(clickhouse) as url,
        connected(url) as client,
        running_chain(redis_url, kafka.bootstrap, recorded, **chosen) as chain,
    ):
        environment = {
            "CLICKHOUSE_URL": url,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "KAFKA_TOPIC": MINI_TICKERS,
            "KAFKA_TRADE_TOPIC": AGG_TRADES,
            "KAFKA_DEAD_LETTER_TOPIC": await new_topic(kafka.bootstrap, 1),
            "KAFKA_TRADE_DEAD_LETTER_TOPIC": TRADE_DEAD_LETTERS,
            "KAFKA_GROUP": url.rpartition("/")[2],
            "KAFKA_GROUP_INSTANCE_ID": "one",
            "KAFKA_SESSION_TIMEOUT_S": "6",
            "BATCH_AGE_S": "0.2",
            "OPS_PORT": str(free_port()),
        }
        consumer = service("kafka_clickhouse", environment).start()
        repair = serving(url, chain.rest_url, redis_url, TAPE_CHECK_S="0.5").start()
        try:
            yield Tape(chain, consumer, repair, client)
        finally:
            repair.kill()
            consumer.kill()


async def test_after_kills_nothing_is_there_twice_and_nothing_is_missing(tape: Tape) -> None:
    await tape.until_more(1_000)
    for victim in (
        tape.chain.processes["aggregator"],
        tape.chain.processes["socket"],
        tape.consumer,
        tape.repair,
        tape.chain.processes["aggregator"],
    ):
        victim.kill()
        await asyncio.sleep(1)  # the exchange goes on meanwhile
        victim.start()
        await tape.until_more(300)
    await tape.chain.control("pause")
    for symbol in SYMBOLS:
        await until(partial(one_more_arrives, tape, symbol.upper()), 120, f"a trade of {symbol} comes by itself")
    made = {(record["symbol"], record["data"]["a"]) for record in await journal(tape.chain)}

    async def complete() -> bool:
        rows = await tape.rows()
        first = {symbol: min(one for name, one in rows if name == symbol) for symbol, _ in rows}
        expected = sorted(pair for pair in made if pair[1] >= first[pair[0]])
        ledger = await tape.ledger()
        named = sum(row[3] + row[4] for row in ledger)
        return rows == expected and named == len(rows) and all(row[5] == 0 for row in ledger)

    await until(complete, 120, "the tape is the exchange's journal, and the ledger knows it")
    assert sum(filled for *_, filled, _, _ in await tape.ledger()) > 0, "the kills have lost some, which were fetched"


async def one_more_arrives(tape: Tape, symbol: str) -> bool:
    """Whether a new trade is stored. A trade that is lost shows as a gap only once there is one behind it."""
    made = await tape.chain.control("trade", symbol=symbol, price="1.5", quantity="1")
    newest = f"SELECT max(trade_id) FROM trades WHERE symbol = '{symbol}'"
    ((stored,),) = (await tape.client.query(newest)).result_rows
    tape.last.setdefault(symbol, made["id"])
    return bool(stored >= tape.last[symbol])


async def journal(chain: Chain) -> list[Any]:
    """Every trade of the recorded symbols that the exchange has made, also while no client listened."""
    lines = []
    for symbol in SYMBOLS:
        answer = await chain.client.get(
            f"{chain.rest_url}/control/journal", params={"symbol": symbol.upper(), "kind": "aggTrade"}, timeout=60
        )
        lines += answer.text.splitlines()
    return [json.loads(line) for line in lines]
