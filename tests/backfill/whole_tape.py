"""The whole way of the tape as real processes, from the exchange to ClickHouse, compared with what was made."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

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

    async def until_complete(self, timeout_s: float = 120) -> list[Any]:
        """End the market and wait until what it made is stored, each trade once; returns the ledger, which knows it."""
        await self.chain.control("pause")
        self.last.clear()
        for symbol in SYMBOLS:
            arrives = partial(self._one_more_arrives, symbol.upper())
            await until(arrives, timeout_s, f"a trade of {symbol} comes by itself")
        made = {(record["symbol"], record["data"]["a"]) for record in await self.journal()}

        async def complete() -> bool:
            rows = await self.rows()
            first = {symbol: min(one for name, one in rows if name == symbol) for symbol in {name for name, _ in rows}}
            expected = sorted(pair for pair in made if pair[1] >= first[pair[0]])
            ledger = await self.ledger()
            named = sum(row[3] + row[4] for row in ledger)
            return rows == expected and named == len(rows) and all(row[5] == 0 for row in ledger)

        await until(complete, timeout_s, "the tape is the exchange's journal, and the ledger knows it")
        return await self.ledger()

    async def journal(self) -> list[Any]:
        """Every trade of the recorded symbols that the exchange has made, also while no client listened."""
        lines = []
        for symbol in SYMBOLS:
            answer = await self.chain.client.get(
                f"{self.chain.rest_url}/control/journal",
                params={"symbol": symbol.upper(), "kind": "aggTrade"},
                timeout=60,
            )
            lines += answer.text.splitlines()
        return [json.loads(line) for line in lines]

    async def _one_more_arrives(self, symbol: str) -> bool:
        """Whether a new trade is stored. A trade that is lost shows as a gap only once there is one behind it."""
        made = await self.chain.control("trade", symbol=symbol, price="1.5", quantity="1")
        newest = f"SELECT max(trade_id) FROM trades WHERE symbol = '{symbol}'"
        ((stored,),) = (await self.client.query(newest)).result_rows
        self.last.setdefault(symbol, made["id"])
        return bool(stored >= self.last[symbol])


@asynccontextmanager
async def running_tape(
    redis_url: str, kafka: RunningKafka, clickhouse: RunningClickHouse, **aggregator: object
) -> AsyncIterator[Tape]:
    """All of it, with variables of the aggregator."""
    market = {"RATE": 10, "SYMBOL_COUNT": 3, "JOURNAL_SIZE": KEPT}
    recorded = {"RECORD_SYMBOLS": ",".join(SYMBOLS)} | aggregator
    async with (
        own_database(clickhouse) as url,
        connected(url) as client,
        running_chain(redis_url, kafka.bootstrap, recorded, **market) as chain,
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
