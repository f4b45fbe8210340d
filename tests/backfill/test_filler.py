"""The workers, and what they do when something is in the way; against an exchange with scripted answers."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from services.backfill import filler as filler_module
from services.backfill.errors import AccessDeniedError, RateLimitedError, StorageAwayError, StorageError
from services.backfill.filler import DENIED_S, LEAST_S, WORKERS, Filler
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.plan import Span
from services.backfill.schedule import Schedule
from services.exchanges.binance.exchange import Binance
from services.exchanges.weight import WeightLimit
from services.market.events import Kline
from tests.backfill.exchange import MINUTE_MS, Answer, row, scripted_exchange
from tests.processes import until

LENGTHS_MS = {"1m": MINUTE_MS, "1h": 60 * MINUTE_MS, "1d": 1_440 * MINUTE_MS}


@dataclass
class MemoryStore:
    """Nothing is exact until it was written; `error` is raised instead of an answer."""

    written: dict[str, int] = field(default_factory=dict)
    error: Exception | None = None

    async def missing(self, symbol: str, span: Span) -> list[int]:
        if self.error:
            raise self.error
        return list(range(span.first, span.end))

    async def inexact(self, symbol: str, span: Span) -> list[int]:
        return []

    def encode(self, symbol: str, interval: object, klines: list[Kline]) -> bytes:
        self.written[symbol] = self.written.get(symbol, 0) + len(klines)
        return b"rows"

    async def insert(self, interval: object, rows: list[bytes]) -> None:
        return


def clock(path: str) -> Answer | None:
    return Answer({"serverTime": time.time_ns() // 1_000_000}) if path == "/api/v3/time" else None


def klines(query: dict[str, str]) -> Answer:
    """As many as are asked for, up to now."""
    length_ms, first_ms = LENGTHS_MS[query["interval"]], max(int(query["startTime"]), 1_735_689_600_000)
    first = -(-first_ms // length_ms)
    last = min(first + int(query["limit"]), time.time_ns() // 1_000_000 // length_ms + 1)
    return Answer([row(0, open_ms=number * length_ms) for number in range(first, last)])


@asynccontextmanager
async def filling(url: str, store: MemoryStore, *wanted: str) -> AsyncIterator[Filler]:
    """A filler that works for symbols that are wanted."""
    async with open_http_client(url) as client:
        limit, schedule = WeightLimit(print, 3_000), Schedule()
        source = KlineSource(Binance(), client, limit, 0.0, print, max_retry_after_s=-1.0)
        filler = Filler(source, store, schedule, limit)  # type: ignore[arg-type]
        schedule.update(wanted, wanted)
        working = asyncio.create_task(filler.run())
        try:
            yield filler
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


def rests(filler: Filler) -> Callable[[], bool]:
    """Whether no job is under way, and something is in the way."""
    entries = filler.schedule._entries.values()
    return lambda: filler.progress().state == "waiting" and not any(entry.doing for entry in entries)


@pytest.mark.parametrize("status", [429, 418])
async def test_after_a_request_to_stay_away_no_worker_sends_its_next_page(status: int) -> None:
    numbers, heard = itertools.count(1), threading.Event()
    under_way: list[int] = []

    def script(path: str, query: dict[str, str]) -> Answer:
        if (now := clock(path)) is not None:
            return now
        number = next(numbers)
        if number == 60:
            return Answer({"code": -1003, "msg": "Too much"}, status, {"Retry-After": "600"})
        if number > 60:  # sent before the refusal was heard, so at most one of each of the other workers
            under_way.append(number)
            heard.wait(60)
        return klines(query)

    with scripted_exchange(script) as exchange:
        async with filling(exchange.url, MemoryStore(), *(f"s{number}usdt" for number in range(8))) as filler:
            await until(lambda: filler.progress().state == "waiting", what="the refusal is heard")
            heard.set()
            await until(rests(filler), what="a filler that rests")
            assert filler.progress().detail == "The exchange asks us to stay away for 600 s."
    assert len(under_way) < WORKERS, "what was under way, and no page more"


async def test_an_exchange_that_asks_to_stay_away_for_no_time_is_not_asked_again_at_once() -> None:
    async with filling("http://127.0.0.1:9", MemoryStore()) as filler:
        filler.schedule.update(["btcusdt"], [])
        job = filler.schedule.next(0)
        assert job is not None
        filler._set_back(job, RateLimitedError(0.0))
        assert filler._paused_until_s >= time.monotonic() + LEAST_S - 0.5


async def test_a_refusal_of_the_address_is_not_taken_for_the_wait_that_it_causes() -> None:
    """Jobs that meet the block report it as a request to stay away: the reason must stay the first one's."""
    async with filling("http://127.0.0.1:9", MemoryStore()) as filler:
        filler.schedule.update(["btcusdt", "ethusdt"], [])
        first, second = filler.schedule.next(0), filler.schedule.next(0)
        assert first is not None
        assert second is not None
        filler._set_back(first, AccessDeniedError("the exchange serves nothing to this address: by law (451)"))
        filler._set_back(second, RateLimitedError(DENIED_S))
        assert filler.progress().detail == "The exchange serves nothing to this server's address."
        assert filler.progress().reason == "The exchange serves nothing to this address: by law (451)."


async def test_answers_that_cannot_be_used_are_named_and_asked_for_again_later() -> None:
    """A portal answers every request with a page of its own."""
    with scripted_exchange(lambda path, query: Answer(b"<html>Log in</html>")) as exchange:
        async with filling(exchange.url, MemoryStore(), "btcusdt", "ethusdt") as filler:
            await until(rests(filler), what="a filler that rests")
            assert filler.progress().detail == "The exchange's answers cannot be used."
            assert filler.progress().reason.startswith("The exchange's time is malformed")
            assert filler.schedule.next(time.monotonic()) is None
            assert filler.schedule.next(time.monotonic() + 61) is not None


async def test_one_symbol_that_is_answered_nonsense_keeps_no_other_waiting() -> None:
    def script(path: str, query: dict[str, str]) -> Answer:
        return clock(path) or (Answer(b"{}") if query["symbol"] == "BADUSDT" else klines(query))

    with scripted_exchange(script) as exchange:
        store = MemoryStore()
        async with filling(exchange.url, store, "badusdt", "btcusdt") as filler:
            await until(lambda: filler.progress().state == "idle", what="a filler with nothing to do")
            assert filler.progress().symbols_done == filler.progress().symbols_total == 1
    assert set(store.written) == {"BTCUSDT"}


async def test_a_database_that_is_away_is_waited_for_and_named() -> None:
    with scripted_exchange(lambda path, query: clock(path) or klines(query)) as exchange:
        store = MemoryStore(error=StorageAwayError("no answer from ClickHouse at 127.0.0.1:1"))
        async with filling(exchange.url, store, "btcusdt") as filler:
            await until(lambda: filler.progress().state == "waiting", what="a filler that waits")
            assert filler.progress().detail == "ClickHouse does not answer.", "for anyone"
            assert filler.progress().reason == "No answer from ClickHouse at 127.0.0.1:1.", "for the operator"
            assert exchange.requests == []  # nothing is asked for that could not be kept
            store.error = StorageError("ClickHouse lacks our tables")
            await until(lambda: "lacks" in filler.progress().reason, what="the other reason")
            assert filler.progress().detail == "ClickHouse does not store it."
            store.error = None
            await until(lambda: filler.progress().state == "idle", what="a filler with nothing to do")
    assert store.written["BTCUSDT"] > 50_000


async def test_a_step_of_the_exchanges_clock_has_everything_done_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of last year, nothing was to be had, and all counted as filled."""
    behind_ms = 400 * 86_400_000

    def script(path: str, query: dict[str, str]) -> Answer:
        if path == "/api/v3/time":
            return Answer({"serverTime": time.time_ns() // 1_000_000 - behind_ms})
        return klines(query)

    monkeypatch.setattr(filler_module, "CLOCK_S", 0.0)
    with scripted_exchange(script) as exchange:
        async with filling(exchange.url, MemoryStore(), "btcusdt") as filler:
            await until(lambda: filler.schedule.standing().filled == 1, what="a symbol that counts as filled")
            begun: list[None] = []
            monkeypatch.setattr(Schedule, "begin_anew", lambda _: begun.append(None))
            await filler._now_ms()
            assert not begun
            behind_ms = 0
            await filler._now_ms()
            assert begun


async def test_a_symbol_that_alone_gets_no_answer_is_set_aside() -> None:
    """It would come first again and again, and make all others wait each time."""

    def script(path: str, query: dict[str, str]) -> Answer:
        if (now := clock(path)) is not None:
            return now
        return Answer(b"oops", 500) if query["symbol"] == "S0USDT" else klines(query)

    with scripted_exchange(script) as exchange:
        async with filling(exchange.url, MemoryStore(), "s0usdt", "s1usdt", "s2usdt") as filler:
            entries = filler.schedule._entries
            await until(lambda: entries["s0usdt"].aside_until_s > 0, what="a symbol that is set aside")
            await until(lambda: entries["s1usdt"].filled and entries["s2usdt"].filled, what="the others' history")


async def test_no_symbol_is_set_aside_while_none_gets_an_answer() -> None:
    def script(path: str, query: dict[str, str]) -> Answer:
        return clock(path) or Answer(b"oops", 500)

    with scripted_exchange(script) as exchange:
        async with filling(exchange.url, MemoryStore(), "s0usdt", "s1usdt") as filler:
            await until(lambda: len(exchange.requests) > 12, what="some attempts")
            assert not any(entry.aside_until_s for entry in filler.schedule._entries.values())
