"""The tape's repair against a store and an exchange in memory: all that is missing is fetched or named."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.backfill import tape_repair
from services.backfill.errors import AccessDeniedError, ExchangeError, RateLimitedError
from services.backfill.tape import EXCHANGE_LACKS, PENDING, TOO_LONG, Coverage, Gap, HourKey, Seen
from services.backfill.tape_repair import LATE_MS, TRIES, TapeRepair
from services.backfill.tape_store import TapeStore
from services.backfill.trade_source import TradeSource
from services.market.trade_msg import TradeMsg
from tests.backfill.trades import HOUR_MS, START_MS, trade


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
