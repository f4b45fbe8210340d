"""The tape's repair: all that is missing is fetched or named, and the ledger adds up."""

import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from services.backfill import tape_repair
from services.backfill.clickhouse import ClickHouse
from services.backfill.errors import AccessDeniedError, ExchangeError, RateLimitedError, StorageError
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.tape import EXCHANGE_LACKS, PENDING, TOO_LONG, Coverage, Gap, HourKey, Seen
from services.backfill.tape_repair import LATE_MS, TRIES, TapeRepair
from services.backfill.tape_store import TapeStore
from services.backfill.trade_source import TradeSource
from services.exchanges.registry import EXCHANGES
from services.exchanges.weight import WeightLimit
from services.kafka_clickhouse.messages import TRADE_MESSAGES
from services.kafka_clickhouse.native import TRADES
from services.market.trade_msg import TradeMsg, ending
from tests.backfill.exchange import Answer, scripted_exchange
from tests.backfill.running import connected, own_database
from tests.clickhouse_server import RunningClickHouse
from tests.simulator.running import Running, running

HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000


def trade(symbol: str, trade_id: int, made_ms: int) -> TradeMsg:
    return TradeMsg(
        e="aggTrade",
        E=made_ms,
        s=symbol,
        a=trade_id,
        p="68123.45",
        q="0.0125",
        f=trade_id,
        l=trade_id,
        T=made_ms,
        m=False,
        receive_time=made_ms + 60,
        src="simulator",
    )


@dataclass
class Memory:
    """A store and an exchange in memory: id → time of each."""

    stored: dict[int, int]
    exchange: dict[int, int]
    came: set[int] = field(init=False)
    ledger: dict[HourKey, Coverage] = field(default_factory=dict)
    asked: int = 0

    def __post_init__(self) -> None:
        self.came = set(self.stored)

    async def touched(self, since_ms: int) -> tuple[list[HourKey], int]:
        return sorted({self.hour(made_ms) for made_ms in self.stored.values()}), since_ms

    async def pending(self) -> list[HourKey]:
        return [hour for hour, row in self.ledger.items() if PENDING in row.reason]

    async def settled_ms(self) -> int:
        return 0

    async def seen(self, start_s: int, symbols: Collection[str]) -> dict[str, Seen]:
        ids = self.ids_in(start_s)
        return {symbol: Seen(ids[0], ids[-1], len(ids), len(set(ids) - self.came)) for symbol in symbols if ids}

    async def id_before(self, _: str, trade_id: int) -> int | None:
        return max((one for one in self.stored if one < trade_id), default=None)

    async def gaps(self, hour: HourKey, id_before: int) -> list[Gap]:
        found, before = [], id_before
        for one in self.ids_in(hour.start_s):
            if one > before + 1:
                found.append(Gap(hour, before + 1, one - 1))
            before = one
        return found

    async def add(self, trades: Sequence[TradeMsg]) -> None:
        self.stored |= {one.a: one.T for one in trades}

    async def write(self, rows: Iterable[Coverage], _: int) -> None:
        self.ledger |= {row.hour: row for row in rows}

    async def page(self, symbol: str, first: int, last: int) -> list[TradeMsg]:
        self.asked += 1
        there = sorted(one for one in self.exchange if first <= one <= last)[:3]
        return [trade(symbol, one, self.exchange[one]) for one in there]

    def ids_in(self, start_s: int) -> list[int]:
        return sorted(one for one, made_ms in self.stored.items() if self.hour(made_ms).start_s == start_s)

    @staticmethod
    def hour(made_ms: int) -> HourKey:
        return HourKey("BTCUSDT", made_ms // HOUR_MS * 3_600)


def repairing(memory: Memory) -> TapeRepair:
    return TapeRepair(cast("TradeSource", memory), cast("TapeStore", memory), 1.0)


@given(st.data())
async def test_every_missing_trade_is_fetched_or_named(data: st.DataObject) -> None:
    steps_ms = data.draw(st.lists(st.sampled_from([1, 1_000, HOUR_MS // 2, 3 * HOUR_MS]), min_size=2, max_size=25))
    made, now_ms = {}, START_MS
    for trade_id, step_ms in enumerate(steps_ms, start=100):
        now_ms += step_ms
        made[trade_id] = now_ms
    came = data.draw(st.sets(st.sampled_from(sorted(made)), min_size=1))
    lacks = data.draw(st.sets(st.sampled_from(sorted(made))))
    memory = Memory({one: made[one] for one in came}, {one: t for one, t in made.items() if one not in lacks})
    repair = repairing(memory)
    for _ in range(TRIES + 2):
        await repair.look()
    within = set(range(min(came), max(came) + 1))
    assert set(memory.stored) == came | (within - lacks), "nothing else, and nothing that could be had is missing"
    rows = memory.ledger.values()
    assert sum(row.present for row in rows) == len(came)
    assert sum(row.filled for row in rows) == len(within - lacks - came)
    assert sum(row.missing for row in rows) == len(within & lacks - came)
    assert {row.reason for row in rows} <= {"", EXCHANGE_LACKS}
    assert all(bool(row.reason) == bool(row.missing) for row in rows)
    asked = memory.asked
    await repair.look()
    assert memory.asked == asked, "what the exchange lacks is not asked for again and again"


async def test_what_the_exchange_lacks_is_asked_for_some_times_before_that_is_believed() -> None:
    memory = Memory({1: START_MS, 4: START_MS + 3}, {})
    repair = repairing(memory)
    for _ in range(TRIES - 1):
        await repair.look()
        assert [(row.missing, row.reason) for row in memory.ledger.values()] == [(2, PENDING)]
    memory.exchange = {2: START_MS + 1}  # its REST interface lagged behind
    await repair.look()
    await repair.look()
    await repair.look()
    assert [(row.filled, row.missing, row.reason) for row in memory.ledger.values()] == [(1, 1, EXCHANGE_LACKS)]


async def test_a_gap_that_is_too_long_is_named_and_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_repair, "MAX_GAP_IDS", 10)
    made = {one: START_MS + one for one in range(30)}
    memory = Memory({one: made[one] for one in (0, 11, 23)}, made)
    await repairing(memory).look()
    assert sorted(memory.stored) == [*range(12), 23]
    assert [(row.present, row.filled, row.missing, row.reason) for row in memory.ledger.values()] == [
        (3, 10, 11, TOO_LONG)
    ]


async def test_what_cannot_be_fetched_now_is_in_the_ledger_and_fetched_by_the_next_process() -> None:
    made = {one: START_MS + one for one in range(5)}
    memory = Memory({0: made[0], 4: made[4]}, made)

    async def limited(symbol: str, first: int, last: int) -> list[TradeMsg]:
        raise RateLimitedError(last - first)

    source = memory.page
    memory.page = limited  # type: ignore[method-assign]
    with pytest.raises(RateLimitedError):
        await repairing(memory).look()
    assert [(row.missing, row.reason) for row in memory.ledger.values()] == [(3, PENDING)]
    memory.page = source  # type: ignore[method-assign]
    await repairing(memory).look()
    assert [(row.filled, row.missing, row.reason) for row in memory.ledger.values()] == [(3, 0, "")]


async def test_an_exchange_that_is_in_the_way_keeps_no_row_from_the_ledger() -> None:
    """Two hours with a gap each; the first one meets the obstacle, and nothing more is asked."""
    made = {one: START_MS + one // 3 * HOUR_MS + one for one in range(6)}
    memory = Memory({one: made[one] for one in (0, 2, 3, 5)}, made)
    asked: list[int] = []

    async def denied(symbol: str, first: int, last: int) -> list[TradeMsg]:
        asked.append(first)
        raise AccessDeniedError(f"{symbol} {last}")

    memory.page = denied  # type: ignore[method-assign]
    with pytest.raises(AccessDeniedError):
        await repairing(memory).look()
    assert asked == [1]
    assert [(row.present, row.missing, row.reason) for row in memory.ledger.values()] == [(2, 1, PENDING)] * 2


async def test_nonsense_about_one_gap_is_no_obstacle_to_another() -> None:
    made = {one: START_MS + one // 3 * HOUR_MS + one for one in range(6)}
    memory = Memory({one: made[one] for one in (0, 2, 3, 5)}, made)
    source = memory.page

    async def garbled(symbol: str, first: int, last: int) -> list[TradeMsg]:
        if first == 1:
            raise ExchangeError("aggTrades is malformed")
        return await source(symbol, first, last)

    memory.page = garbled  # type: ignore[method-assign]
    await repairing(memory).look()
    assert [(row.filled, row.missing, row.reason) for row in memory.ledger.values()] == [(0, 1, PENDING), (1, 0, "")]


@dataclass
class Dated(Memory):
    """The same, which knows when each trade was inserted, in ms."""

    inserted: dict[int, int] = field(default_factory=dict)
    ledger_ms: int = 0

    async def touched(self, since_ms: int) -> tuple[list[HourKey], int]:
        new = {one: at_ms for one, at_ms in self.inserted.items() if at_ms >= since_ms}
        return sorted({self.hour(self.stored[one]) for one in new}), max(new.values(), default=since_ms)

    async def written_ms(self) -> int:
        return self.ledger_ms

    def insert(self, trade_id: int, made_ms: int, at_ms: int) -> None:
        self.stored[trade_id] = made_ms
        self.came.add(trade_id)
        self.inserted[trade_id] = at_ms


async def test_an_insert_that_shows_late_is_seen() -> None:
    """At the start, when the ledger was written after it, and later, when another one showed before it."""
    memory = Dated({}, {}, ledger_ms=1_000_000)
    memory.insert(1, START_MS, 1_000_000 - LATE_MS)
    repair = repairing(memory)
    await repair.look()
    assert [row.present for row in memory.ledger.values()] == [1]
    memory.insert(2, START_MS + 1, 1_100_000)
    await repair.look()
    memory.insert(3, START_MS + 2, 1_100_000 - LATE_MS)
    await repair.look()
    assert [row.present for row in memory.ledger.values()] == [3]


async def test_the_next_process_fetches_what_is_pending_of_hours_that_no_longer_change() -> None:
    memory = Dated({}, {2: START_MS + 1})
    memory.insert(1, START_MS, 100_000)
    memory.insert(3, START_MS + 2, 100_000)
    hour = memory.hour(START_MS)
    memory.ledger[hour] = Coverage(hour, 1, 3, 2, 0, 1, PENDING)
    memory.ledger_ms = 9_000_000
    await repairing(memory).look()
    assert [(row.filled, row.missing, row.reason) for row in memory.ledger.values()] == [(1, 0, "")]


async def test_a_trade_that_comes_late_completes_the_hour_after_its_own() -> None:
    memory = Dated({}, {})
    memory.insert(1, START_MS, 100_000)
    memory.insert(3, START_MS + HOUR_MS, 100_000)
    repair = repairing(memory)
    for _ in range(TRIES):
        await repair.look()
    assert [(row.missing, row.reason) for row in memory.ledger.values()] == [(0, ""), (1, EXCHANGE_LACKS)]
    memory.insert(4, START_MS + 9 * HOUR_MS, 900_000)  # since when neither hour has changed
    await repair.look()
    memory.insert(2, START_MS + 1, 900_001)
    await repair.look()
    assert [(row.present, row.missing, row.reason) for row in memory.ledger.values()] == [
        (2, 0, ""),
        (1, 0, ""),
        (1, 0, ""),
    ]


async def test_an_hour_whose_trades_are_no_longer_kept_is_not_looked_at_again() -> None:
    made = {one: START_MS + one for one in range(5)}
    memory = Memory({0: made[0], 4: made[4]}, {})
    repair = repairing(memory)
    await repair.look()
    assert repair._open
    memory.stored.clear()
    await repair.look()
    assert not repair._open


async def test_what_is_remembered_of_hours_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_repair, "MAX_KNOWN", 4)
    memory = Dated({}, {})
    for one in range(20):
        memory.insert(one, START_MS + one * HOUR_MS, 100_000)
    repair = repairing(memory)
    await repair.look()
    for one, at_ms in ((20, 900_000), (21, 1_800_000)):
        memory.insert(one, START_MS + one * HOUR_MS, at_ms)
        await repair.look()
    assert len(repair._before) <= 4
    assert len(memory.ledger) == 22


class EnoughError(Exception):
    """Ends a loop that has none."""


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [(RateLimitedError(77.0), 77.0), (AccessDeniedError("by law"), tape_repair.DENIED_S)],
)
async def test_an_exchange_that_asks_to_be_left_alone_is_for_so_long(
    monkeypatch: pytest.MonkeyPatch, error: Exception, wait_s: float
) -> None:
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        if len(slept) == 2:
            raise EnoughError

    async def refused(symbol: str, first: int, last: int) -> list[TradeMsg]:
        raise error

    monkeypatch.setattr(tape_repair, "_sleep", sleep)
    memory = Memory({0: START_MS, 4: START_MS + 1}, {})
    memory.page = refused  # type: ignore[method-assign]
    with pytest.raises(EnoughError):
        await repairing(memory).run()
    assert slept == [wait_s, 1.0]


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
