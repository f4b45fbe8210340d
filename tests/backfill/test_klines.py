import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.backfill import klines as klines_module
from services.backfill import retries as backfill_patience
from services.backfill.errors import (
    AccessDeniedError,
    ExchangeError,
    RateLimitedError,
    TemporarilyUnavailableError,
    UsageError,
)
from services.backfill.klines import KlineSource, Page, _judge, open_http_client
from services.backfill.plan import INTERVALS
from services.exchanges.binance.exchange import Binance
from services.exchanges.clock import LATEST_MS
from services.exchanges.weight import WeightLimit
from services.market.events import Kline
from tests.backfill.exchange import Answer, row, scripted_exchange
from tests.exchanges.weight_clock import WeightClock
from tests.mutations import mutations
from tests.processes import free_port
from tests.simulator.running import Running, running

MINUTE, DAY = INTERVALS["1m"], INTERVALS["1d"]
FIRST = 29_454_480
HALF = 3_000


@asynccontextmanager
async def source(url: str, patience_s: float = 30.0, **options: Any) -> AsyncIterator[tuple[KlineSource, list[str]]]:
    """Klines from `url`, and what was reported meanwhile."""
    reported: list[str] = []
    async with open_http_client(url) as client:
        limit = WeightLimit(reported.append, HALF)
        yield KlineSource(Binance(), client, limit, patience_s, reported.append, **options), reported


def url_of(simulator: Running) -> str:
    return f"http://127.0.0.1:{simulator.settings.rest_port}"


async def test_a_page_is_what_the_exchange_has() -> None:
    async with running(start_ms=None) as simulator, source(url_of(simulator)) as (klines, _):
        now = await klines.now_ms() // MINUTE.length_ms
        page = await klines.page("BTCUSDT", MINUTE, now - 100, 10)
        query: dict[str, str | int] = {
            "symbol": "BTCUSDT",
            "interval": "1m",
            "startTime": (now - 100) * 60_000,
            "limit": 10,
        }
        rows = (await simulator.http.get("/api/v3/klines", params=query)).json()
        assert [kline.open_ms for kline in page.klines] == [(now - 100 + at) * 60_000 for at in range(10)]
        assert page == Page([Kline(*row[:9]) for row in rows], now - 90, [])


async def test_nothing_before_the_listing_is_skipped_over_in_one_request() -> None:
    async with running(start_ms=None) as simulator, source(url_of(simulator)) as (klines, _):
        [oldest] = (await klines.page("BTCUSDT", DAY, 10_000, 1)).klines
        age_ms = await klines.now_ms() - oldest.open_ms
        assert 88 <= age_ms // DAY.length_ms <= 91


async def test_an_unknown_symbol_is_named() -> None:
    async with running() as simulator, source(url_of(simulator)) as (klines, _):
        with pytest.raises(UsageError, match="does not know the symbol BTCUSDX"):
            await klines.page("BTCUSDX", MINUTE, FIRST, 1)


async def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    async with running() as simulator, source(url_of(simulator), patience_s=0.0) as (klines, reported):
        await simulator.control("rest", reject=2, retry_after_s=40)
        monkeypatch.setattr(backfill_patience, "_sleep", sleep)
        await klines.now_ms()
    assert slept == [40, 40]
    assert reported == ["the exchange asks us to stay away for 40 s"] * 2


@pytest.mark.parametrize("status", [418, 429])
async def test_a_long_ban_ends_the_command(status: int) -> None:
    def banned(path: str, query: dict[str, str]) -> Answer:
        return Answer({"code": -1003, "msg": "Way too much"}, status, {"Retry-After": "7200"})

    with scripted_exchange(banned) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(RateLimitedError, match="stay away for 7200 s"):
                await klines.page("BTCUSDT", MINUTE, FIRST, 1)
    assert len(exchange.requests) == 1


async def test_rate_limits_without_end_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_patience, "_MAX_RATE_LIMITS", 3)
    with scripted_exchange(lambda path, query: Answer({}, 429, {"Retry-After": "0"})) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(RateLimitedError):
                await klines.page("BTCUSDT", MINUTE, FIRST, 1)
    assert len(exchange.requests) == 4


async def test_server_errors_are_tried_again() -> None:
    answers = iter([Answer(b"oops", 500), Answer(b"", 503), Answer([row(FIRST)])])
    with scripted_exchange(lambda path, query: next(answers)) as exchange:
        async with source(exchange.url) as (klines, reported):
            [kline] = (await klines.page("BTCUSDT", MINUTE, FIRST, 1)).klines
    assert kline.open_ms == FIRST * 60_000
    assert reported == ["the exchange answers 500; trying again", "the exchange answers 503; trying again"]


async def test_an_exchange_that_is_away_is_given_up_when_patience_is_over() -> None:
    async with source(f"http://127.0.0.1:{free_port()}", patience_s=0.3) as (klines, reported):
        with pytest.raises(TemporarilyUnavailableError, match="no answer from http://127"):
            await klines.now_ms()
    assert reported


async def test_an_exchange_that_never_ends_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(klines_module, "_DEADLINE_S", 0.2)
    async with running() as simulator, source(url_of(simulator), patience_s=0.0) as (klines, _):
        await simulator.control("rest", delay_s=1)
        with pytest.raises(TemporarilyUnavailableError, match="TimeoutError"):
            await klines.now_ms()


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(klines_module, "_MAX_BODY_BYTES", 1_000)
    with scripted_exchange(lambda path, query: Answer([row(FIRST + at) for at in range(100)])) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(ExchangeError, match="longer than 1000 bytes"):
                await klines.page("BTCUSDT", MINUTE, FIRST, 1)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"", b"7"])
async def test_what_is_no_page_is_refused(body: bytes) -> None:
    with scripted_exchange(lambda path, query: Answer(body)) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(ExchangeError, match="malformed"):
                await klines.page("BTCUSDT", MINUTE, FIRST, 2)


ODD_ROWS: list[object] = [
    row(FIRST + 1)[:5],
    row(FIRST + 1, open=3.5),
    row(FIRST + 1, volume="1E-8"),
    row(FIRST + 1, volume="-1"),
    row(FIRST + 1, volume="1" + 20 * "0"),
    row(FIRST + 1, volume="0." + 18 * "0" + "1"),
    row(FIRST + 1, volume="5\n"),
    row(FIRST + 1, open="6"),
    row(FIRST + 1, close="1"),
    row(FIRST + 1, low="5.1"),
    row(FIRST + 1, open="0", close="0", high="0", low="0"),
    row(FIRST + 1, open_ms=FIRST * 60_000 + 1),
    row(FIRST + 1, open_ms=None),
    row(FIRST + 1, open_ms=2**60),
    row(FIRST - 1),
    row(10**8),
    None,
    {},
    "x",
]


@pytest.mark.parametrize("odd", ODD_ROWS, ids=lambda odd: str(odd)[:60])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_row_that_cannot_be_true_costs_only_itself(odd: object, at: int) -> None:
    rows: list[object] = [row(FIRST), row(FIRST + 2)]
    rows.insert(at, odd)
    klines, rejected = judged(rows, (FIRST + 9) * 60_000)
    assert [kline.open_ms // 60_000 for kline in klines] == [FIRST, FIRST + 2]
    assert len(rejected) == 1


async def test_a_page_of_which_no_row_can_be_true_covers_as_many_candles_as_it_has_rows() -> None:
    rows = [row(FIRST + at, open_ms=(FIRST + at) * 60_000 + 7) for at in range(5)]
    with scripted_exchange(lambda path, query: Answer(rows)) as exchange:
        async with source(exchange.url) as (klines, _):
            page = await klines.page("BTCUSDT", MINUTE, FIRST, 5)
            short = await klines.page("BTCUSDT", MINUTE, FIRST, 6)
    assert (page.klines, page.until, len(page.rejected)) == ([], FIRST + 5, 5)
    assert page.rejected[0] == "2026-01-01 12:00 (no start of a candle of 1m)"
    assert short.until == FIRST + 5


async def test_a_short_page_is_not_the_end_of_what_the_exchange_has() -> None:
    def answer(path: str, query: dict[str, str]) -> Answer:
        first = int(query["startTime"]) // 60_000
        return Answer([row(number) for number in range(first, min(first + 3, FIRST + 5))])

    with scripted_exchange(answer) as exchange:
        async with source(exchange.url) as (klines, _):
            pages = [await klines.page("BTCUSDT", MINUTE, first, 1_000) for first in (FIRST, FIRST + 3, FIRST + 5)]
    assert [(len(page.klines), page.until) for page in pages] == [(3, FIRST + 3), (2, FIRST + 5), (0, None)]


def test_rows_in_any_order_are_taken_once_and_contradictions_not_at_all() -> None:
    rows = [row(FIRST + 2), row(FIRST), row(FIRST + 1), row(FIRST), row(FIRST + 1, close="4.5")]
    klines, rejected = judged(rows)
    assert [kline.open_ms // 60_000 for kline in klines] == [FIRST, FIRST + 2]
    assert rejected == ["2026-01-01 12:01 (twice, and different)"]


@given(st.data())
def test_a_change_of_one_row_leaves_all_others_unchanged(data: st.DataObject) -> None:
    rows: list[Any] = [row(FIRST + at) for at in range(4)]
    victim = data.draw(st.integers(0, 3))
    mutated = [*rows]
    keyed = {str(index): value for index, value in enumerate(rows[victim])}
    changed = data.draw(mutations(keyed))
    mutated[victim] = list(changed.values()) if isinstance(changed, dict) else changed
    found, _ = judged(mutated)
    others, _ = judged([*rows[:victim], *rows[victim + 1 :]])
    took = data_of(mutated[victim])
    assert [kline for kline in found if kline in others] == [kline for kline in others if kline.open_ms != took]


def judged(rows: list[Any], latest_ms: int = LATEST_MS) -> tuple[list[Kline], list[str]]:
    """What is taken of a page's rows, and what is not."""
    unreadable: list[str] = []
    read = Binance().parse_klines(msgspec.json.encode(rows), lambda row, reason: unreadable.append(reason))
    klines, untrue = _judge(read, MINUTE, FIRST * 60_000, latest_ms)
    return klines, unreadable + untrue


def data_of(entry: Any) -> object:
    """The open time of a row that may contradict another one's."""
    return entry[0] if isinstance(entry, list) and entry else None


@pytest.mark.parametrize("server_time", [0, 1_767_225_600, 1_767_225_600_000_000, 4_000_000_000_000])
async def test_a_clock_of_the_exchange_that_is_none_is_refused(server_time: int) -> None:
    with scripted_exchange(lambda path, query: Answer({"serverTime": server_time})) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(ExchangeError, match="cannot be"):
                await klines.now_ms()


@pytest.mark.parametrize("odd", [FIRST + 7, FIRST + 500, FIRST + 10_000])
@pytest.mark.parametrize("at", [0, 2, 5])
async def test_a_row_with_the_time_of_a_later_candle_hides_none_before_it(odd: int, at: int) -> None:
    """It would be the newest of its page, and all before it would count as not to be had."""
    rows = [row(FIRST + number) for number in range(5)]
    rows.insert(at, row(odd))
    with scripted_exchange(lambda path, query: Answer(rows)) as exchange:
        async with source(exchange.url) as (klines, _):
            page = await klines.page("BTCUSDT", MINUTE, FIRST, 10)
    assert [kline.open_ms // 60_000 for kline in page.klines] == [FIRST + number for number in range(5)]
    assert page.until == FIRST + 5


async def test_a_true_gap_is_passed_with_the_next_page() -> None:
    there = [*range(FIRST, FIRST + 3), *range(FIRST + 5_000, FIRST + 5_002)]

    def answer(path: str, query: dict[str, str]) -> Answer:
        first = int(query["startTime"]) // 60_000
        return Answer([row(number) for number in there if number >= first][:5])

    found, position = list[int](), FIRST
    with scripted_exchange(answer) as exchange:
        async with source(exchange.url) as (klines, _):
            while (page := await klines.page("BTCUSDT", MINUTE, position, 5)).until is not None:
                found += [kline.open_ms // 60_000 for kline in page.klines]
                position = page.until
    assert found == there
    assert len(exchange.requests) <= 5


@pytest.mark.parametrize("text", ["9" * 400, "99999999999", "\u0663" * 9])
async def test_no_request_to_stay_away_holds_for_ever(text: str) -> None:
    headers = {"Retry-After": text.encode().decode("latin-1")}
    with scripted_exchange(lambda path, query: Answer({}, 429, headers)) as exchange:
        async with source(exchange.url, max_retry_after_s=-1.0) as (klines, _):
            with pytest.raises(RateLimitedError) as limited:
                await klines.page("BTCUSDT", MINUTE, FIRST, 1)
    assert limited.value.retry_after_s <= 6 * 3_600


@pytest.mark.parametrize(("used", "waits"), [("2998", False), ("2999", True), ("3000", True), ("many", False)])
async def test_half_of_the_allowed_weight_is_left_to_others(
    used: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_exchange(lambda path, query: Answer([], headers={"X-MBX-USED-WEIGHT-1M": used})) as exchange:
        async with source(exchange.url) as (klines, reported):
            clock = WeightClock(monkeypatch, FIRST * 60.0 + 18.0)
            await klines.page("BTCUSDT", MINUTE, FIRST, 1)
            await klines.page("BTCUSDT", MINUTE, FIRST, 1)
    # A second into the next minute, so that the count of this one is over.
    assert clock.slept == ([43.0] if waits else [])
    assert reported == (["within the exchange's limit: going on in 43 s"] if waits else [])


@pytest.mark.parametrize("status", [403, 451])
async def test_a_refusal_of_this_address_is_distinct_from_one_of_a_request(status: int) -> None:
    refused = Answer({"code": 0, "msg": "Service unavailable from a restricted location"}, status)
    with scripted_exchange(lambda path, query: refused) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(AccessDeniedError, match=f"restricted location \\({status}\\)"):
                await klines.page("BTCUSDT", MINUTE, FIRST, 1)


async def test_cancelling_a_wait_ends_it() -> None:
    async with running() as simulator, source(url_of(simulator)) as (klines, reported):
        await simulator.control("rest", reject=1, retry_after_s=600)
        waiting = asyncio.create_task(klines.now_ms())
        async with asyncio.timeout(20):
            while not reported:  # noqa: ASYNC110 - until the wait has begun
                await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
