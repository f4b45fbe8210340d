import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.backfill import klines as klines_module
from services.backfill import retries as backfill_patience
from services.backfill.errors import ExchangeError, RateLimitedError, TemporarilyUnavailableError, UsageError
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.plan import INTERVALS
from services.exchanges.binance.exchange import Binance
from services.market.events import Kline
from tests.backfill.exchange import Answer, row, scripted_exchange
from tests.processes import free_port
from tests.simulator.running import Running, running

MINUTE, DAY = INTERVALS["1m"], INTERVALS["1d"]
FIRST = 29_454_480


@asynccontextmanager
async def source(url: str, patience_s: float = 30.0, **options: Any) -> AsyncIterator[tuple[KlineSource, list[str]]]:
    """Klines from `url`, and what was said meanwhile."""
    said: list[str] = []
    async with open_http_client(url) as client:
        yield KlineSource(Binance(), client, patience_s, said.append, **options), said


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
        assert [kline.open_ms for kline in page] == [(now - 100 + at) * 60_000 for at in range(10)]
        assert page == [Kline(*row[:8]) for row in rows]


async def test_nothing_before_the_listing_is_skipped_over_in_one_request() -> None:
    async with running(start_ms=None) as simulator, source(url_of(simulator)) as (klines, _):
        [oldest] = await klines.page("BTCUSDT", DAY, 10_000, 1)
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

    async with running() as simulator, source(url_of(simulator), patience_s=0.0) as (klines, said):
        await simulator.control("rest", reject=2, retry_after_s=40)
        monkeypatch.setattr(backfill_patience, "_sleep", sleep)
        await klines.now_ms()
    assert slept == [40, 40]
    assert said == ["the exchange asks us to stay away for 40 s"] * 2


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
        async with source(exchange.url) as (klines, said):
            [kline] = await klines.page("BTCUSDT", MINUTE, FIRST, 1)
    assert kline.open_ms == FIRST * 60_000
    assert said == ["the exchange answers 500; trying again", "the exchange answers 503; trying again"]


async def test_an_exchange_that_is_away_is_given_up_when_patience_is_over() -> None:
    async with source(f"http://127.0.0.1:{free_port()}", patience_s=0.3) as (klines, said):
        with pytest.raises(TemporarilyUnavailableError, match="no answer from http://127"):
            await klines.now_ms()
    assert said


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


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        [row(FIRST)[:5]],
        [row(FIRST, open=3.5)],
        [row(FIRST, volume="1E-8")],
        [row(FIRST, volume="-1")],
        [row(FIRST, volume="1" + 20 * "0")],
        [row(FIRST, volume="0." + 18 * "0" + "1")],
        [row(FIRST, open="6")],
        [row(FIRST, close="1")],
        [row(FIRST, low="5.1")],
        [row(FIRST, open="0", close="0", high="0", low="0")],
        [row(FIRST, open_ms=FIRST * 60_000 + 1)],
        [row(FIRST - 1)],
        [row(FIRST), row(FIRST)],
        [row(FIRST + 1), row(FIRST)],
    ],
    ids=[f"case {number}" for number in range(16)],
)
async def test_what_cannot_be_true_is_refused(body: object) -> None:
    with scripted_exchange(lambda path, query: Answer(body)) as exchange:
        async with source(exchange.url) as (klines, _):
            with pytest.raises(ExchangeError, match=r"malformed|cannot be true"):
                await klines.page("BTCUSDT", MINUTE, FIRST, 2)


@pytest.mark.parametrize(("used", "waits"), [("2999", False), ("3000", True), ("many", False)])
async def test_half_of_the_allowed_weight_is_left_to_others(
    used: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    with scripted_exchange(lambda path, query: Answer([], headers={"X-MBX-USED-WEIGHT-1M": used})) as exchange:
        async with source(exchange.url) as (klines, said):
            # Both requests in one minute, whatever the clock says.
            monkeypatch.setattr(klines_module, "_clock_s", lambda: FIRST * 60.0 + 18.0)
            monkeypatch.setattr(klines_module, "_sleep", sleep)
            await klines.page("BTCUSDT", MINUTE, FIRST, 1)
            await klines.page("BTCUSDT", MINUTE, FIRST, 1)
    assert slept == ([42.0] if waits else [])
    assert said == (["within the exchange's limit: going on in 42 s"] if waits else [])


async def test_cancelling_a_wait_ends_it() -> None:
    async with running() as simulator, source(url_of(simulator)) as (klines, said):
        await simulator.control("rest", reject=1, retry_after_s=600)
        waiting = asyncio.create_task(klines.now_ms())
        async with asyncio.timeout(20):
            while not said:  # noqa: ASYNC110 - until the wait has begun
                await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
