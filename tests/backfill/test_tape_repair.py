"""The tape's repair against the exchange's pages and the real engine: the ledger adds up."""

import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from services.backfill.clickhouse import ClickHouse
from services.backfill.errors import RateLimitedError, StorageError
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.tape import EXCHANGE_LACKS, PENDING, Coverage
from services.backfill.tape_repair import TRIES, TapeRepair
from services.backfill.tape_store import TapeStore
from services.backfill.trade_source import TradeSource
from services.exchanges.registry import EXCHANGES
from services.exchanges.weight import WeightLimit
from services.kafka_clickhouse.messages import TRADE_MESSAGES
from services.kafka_clickhouse.native import TRADES
from services.market.trade_msg import ending
from tests.backfill.exchange import Answer, scripted_exchange
from tests.backfill.running import connected, own_database
from tests.backfill.trades import HOUR_MS, START_MS, trade
from tests.clickhouse_server import RunningClickHouse
from tests.simulator.running import Running, running


async def test_only_what_was_asked_for_is_taken() -> None:
    rows = [
        {"a": one, "p": "1.5", "q": "1", "f": one, "l": one, "T": START_MS + one, "m": False, "M": True}
        for one in range(5, 16)
    ]
    with scripted_exchange(lambda path, query: Answer(rows)) as exchange:
        async with open_http_client(exchange.url) as http:
            rest = KlineSource(EXCHANGES["binance"], http, WeightLimit(print, 3_000), 0.0, print)
            page = await TradeSource(rest, "simulator").page("BTCUSDT", 8, 10)
    assert [one.a for one in page] == [8, 9, 10]


@pytest.fixture
async def exchange() -> AsyncIterator[Running]:
    async with running() as simulator:
        yield simulator


@dataclass(frozen=True, slots=True)
class Place:
    """A repair between the real engine and the simulator."""

    repair: TapeRepair
    client: AsyncClient
    exchange: Running

    async def store(self, symbol: str, ids: Collection[int], source: str = "simulator") -> None:
        """What of the exchange's trades has come by the usual way."""
        payloads = [record["data"] for record in await self.exchange.journal(symbol=symbol, kind="aggTrade")]
        values = [json.dumps(data).encode()[:-1] + ending(source, data["T"] + 60) for data in payloads]
        messages, bad = TRADE_MESSAGES.decode(values)
        assert bad == []
        block = TRADES.encode([message for message in messages if message.a in ids])
        await self.client.raw_insert(TRADES.name, TRADES.columns, block, fmt="Native")

    async def ids(self, symbol: str) -> list[int]:
        rows = await self.client.query(f"SELECT trade_id FROM trades FINAL WHERE symbol = '{symbol}' ORDER BY 1")
        return [trade_id for (trade_id,) in rows.result_rows]

    async def ledger(self) -> list[Any]:
        columns = "symbol, first_id, last_id, present, filled, missing, reason"
        rows = await self.client.query(f"SELECT {columns} FROM trade_coverage FINAL ORDER BY symbol, hour")
        return [tuple(row) for row in rows.result_rows]


@pytest.fixture
async def place(clickhouse_server: RunningClickHouse, exchange: Running) -> AsyncIterator[Place]:
    async with (
        own_database(clickhouse_server) as url,
        connected(url) as client,
        open_http_client(f"http://127.0.0.1:{exchange.settings.rest_port}") as http,
    ):
        rest = KlineSource(EXCHANGES["binance"], http, WeightLimit(print, 3_000), 0.0, print, max_retry_after_s=0.0)
        store = TapeStore(ClickHouse(url), "simulator")
        yield Place(TapeRepair(TradeSource(rest, "simulator"), store, 1.0), client, exchange)
        await store.close()


async def test_a_trade_of_the_future_is_not_taken_from_a_page() -> None:
    made_ms = time.time_ns() // 1_000_000
    row = {"p": "1.5", "q": "2", "m": True, "M": True}
    rows = [{**row, "a": at, "f": at, "l": at, "T": made_ms + (at == 2) * 3 * 86_400_000} for at in (1, 2, 3)]
    with scripted_exchange(lambda path, query: Answer(rows)) as exchange:
        async with open_http_client(exchange.url) as http:
            rest = KlineSource(EXCHANGES["binance"], http, WeightLimit(print, 3_000), 0.0, print)
            page = await TradeSource(rest, "binance").page("BTCUSDT", 1, 3)
    assert [trade.a for trade in page] == [1, 3]


async def test_gaps_are_filled_with_the_exchanges_own_trades(place: Place) -> None:
    burst = await place.exchange.control("burst", symbol="BTCUSDT", count=3_000)
    every = list(range(burst["first_id"], burst["last_id"] + 1))
    came = {*every[:10], *every[1_500:1_600], *every[2_990:]}
    await place.store("BTCUSDT", came)
    await place.repair.look()
    assert await place.ids("BTCUSDT") == every
    await place.repair.look()
    ledger = await place.ledger()
    assert sum(present for _, _, _, present, *_ in ledger) == len(came)
    assert sum(filled for *_, filled, _, _ in ledger) == 3_000 - len(came)
    assert {(missing, reason) for *_, missing, reason in ledger} == {(0, "")}
    figures = "trade_id, price, quantity, first_id, last_id, toUnixTimestamp64Milli(trade_time), buyer_is_maker, filled"
    rows = (await place.client.query(f"SELECT {figures} FROM trades FINAL ORDER BY 1")).result_rows
    sent = {record["data"]["a"]: record["data"] for record in await place.exchange.journal(kind="aggTrade")}
    for trade_id, price, quantity, first_id, last_id, made_ms, is_maker, filled in rows:
        data = sent[trade_id]
        assert (str(f"{price:.8f}"), f"{quantity:.8f}") == (data["p"], data["q"])
        assert (first_id, last_id, made_ms, is_maker) == (data["f"], data["l"], data["T"], data["m"])
        assert filled == (trade_id not in came)


async def test_a_trade_that_has_come_both_ways_counts_as_present(place: Place) -> None:
    burst = await place.exchange.control("burst", symbol="BTCUSDT", count=5)
    every = range(burst["first_id"], burst["last_id"] + 1)
    await place.store("BTCUSDT", {every[0], every[-1]})
    await place.repair.look()
    await place.store("BTCUSDT", every)  # Kafka had them after all
    await place.repair.look()
    ledger = await place.ledger()
    assert [sum(figures) for figures in zip(*(row[3:6] for row in ledger), strict=True)] == [5, 0, 0]


async def test_another_sources_trades_complete_nothing(place: Place) -> None:
    burst = await place.exchange.control("burst", symbol="BTCUSDT", count=5)
    every = range(burst["first_id"], burst["last_id"] + 1)
    await place.store("BTCUSDT", {every[0], every[-1]})
    await place.store("BTCUSDT", every, "elsewhere")
    await place.repair.look()
    ledger = await place.ledger()
    assert [sum(figures) for figures in zip(*(row[3:6] for row in ledger), strict=True)] == [2, 3, 0]


async def test_an_exchange_that_asks_to_be_left_alone_is_by_all_and_the_ledger_knows(place: Place) -> None:
    burst = await place.exchange.control("burst", symbol="BTCUSDT", count=10)
    await place.store("BTCUSDT", {burst["first_id"], burst["last_id"]})
    await place.exchange.control("rest", reject=1, retry_after_s=600)
    with pytest.raises(RateLimitedError):
        await place.repair.look()
    assert [row[3:] for row in await place.ledger()] == [(2, 0, 8, PENDING)]
    with pytest.raises(RateLimitedError):
        await place.repair.source.rest.now_ms()


async def test_a_symbol_that_the_exchange_does_not_know_any_more(place: Place) -> None:
    messages = [trade("GONEUSDT", trade_id, START_MS + trade_id) for trade_id in (1, 2, 9)]
    await place.client.raw_insert(TRADES.name, TRADES.columns, TRADES.encode(messages), fmt="Native")
    for _ in range(TRIES):
        await place.repair.look()
    assert await place.ledger() == [("GONEUSDT", 1, 9, 3, 0, 6, EXCHANGE_LACKS)]


async def test_without_our_tables_it_has_a_sentence_for_it(place: Place) -> None:
    await place.client.command("DROP TABLE trade_coverage")
    with pytest.raises(StorageError, match="migrate"):
        await place.repair.look()


async def test_sums_over_hours_are_those_of_the_ids(place: Place) -> None:
    by_hour = defaultdict(list)
    for trade_id, hour in ((10, 0), (11, 0), (14, 1), (15, 3), (21, 3)):
        by_hour[hour].append(trade("GONEUSDT", trade_id, START_MS + hour * HOUR_MS + trade_id))
    messages = [message for group in by_hour.values() for message in group]
    await place.client.raw_insert(TRADES.name, TRADES.columns, TRADES.encode(messages), fmt="Native")
    for _ in range(TRIES):
        await place.repair.look()
    assert await place.ledger() == [
        ("GONEUSDT", 10, 11, 2, 0, 0, ""),
        ("GONEUSDT", 14, 14, 1, 0, 2, EXCHANGE_LACKS),
        ("GONEUSDT", 15, 21, 2, 0, 5, EXCHANGE_LACKS),
    ]


async def test_a_process_that_ends_in_the_middle_of_a_pass_leaves_no_hour_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hour is in the ledger, the third one is not yet, and nothing is inserted any more."""
    messages = [trade("GONEUSDT", one, START_MS + hour * HOUR_MS) for one, hour in ((1, 0), (2, 2), (5, 2))]
    await place.client.raw_insert(TRADES.name, TRADES.columns, TRADES.encode(messages), fmt="Native")
    write, written = TapeStore.write, list[Coverage]()

    async def killed(store: TapeStore, rows: Iterable[Coverage], settled_ms: int) -> None:
        if written:
            raise StorageError("the end")
        written.extend(rows)
        await write(store, written, settled_ms)

    with monkeypatch.context() as patched:
        patched.setattr(TapeStore, "write", killed)
        with pytest.raises(StorageError, match="the end"):
            await place.repair.look()
    an_hour_ago = "inserted_at = inserted_at - toIntervalHour(1)"
    await place.client.command(f"ALTER TABLE trades UPDATE {an_hour_ago} WHERE 1 SETTINGS mutations_sync = 1")
    await TapeRepair(place.repair.source, place.repair.store, 1.0).look()
    assert await place.ledger() == [("GONEUSDT", 1, 1, 1, 0, 0, ""), ("GONEUSDT", 2, 5, 2, 0, 2, PENDING)]
