"""The closes of several symbols in one request, from the real engine: exact, each with its price at the left edge."""

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from

from services.dashboard.closes import MAX_CLOSES, ClosesRequest, look_back
from services.dashboard.errors import InvalidRequestError
from services.dashboard.history import MAX_TIME_S, STEP_S
from services.market_api.answers import Interval
from tests.clickhouse_server import RunningClickHouse
from tests.conftest import RunningRedis
from tests.dashboard.conftest import Dashboard, Engine, assert_error, client_of, migrated, start_dashboard

DAY_S = 1_767_225_600  # 2026-01-01
HOUR_S = 3600
NOON_S = DAY_S + 12 * HOUR_S
MS = 1000
SMALL = "0.000000000000000001"


async def add_candles(engine: Engine) -> None:
    """BTC: hours 0 to 5. ETH: stood still since long before. ETH/BTC: from hour 3 on. OLD: one candle of each kind."""
    await engine.add_candles("BTCUSDT", "1h", [DAY_S + hour * HOUR_S for hour in range(6)], "2")
    await engine.add_candles("BTCUSDT", "1h", [DAY_S + 4 * HOUR_S], "7", source="binance")
    await engine.add_candles("ETHUSDT", "1d", [DAY_S - 400 * 86_400], "100")
    await engine.add_candles("ETHUSDT", "1d", [DAY_S - 300 * 86_400], SMALL)
    await engine.add_candles("ETHUSDT", "1d", [DAY_S], "9")  # this day's: later than what is asked for
    await engine.add_candles("ETHBTC", "1h", [DAY_S + 3 * HOUR_S], "5")
    for interval, time_s, close in (
        ("1d", DAY_S - 86_400, "10"),
        ("1h", NOON_S - 7200, "11"),
        ("1m", NOON_S + 60, "12"),
    ):
        await engine.add_candles("OLDUSDT", interval, [time_s], close)
    await engine.add_candles("OLDUSDT", "1s", [NOON_S + 190, NOON_S + 230], "13")


@pytest.fixture(scope="module")
def history(clickhouse_server: RunningClickHouse, redis_server: RunningRedis) -> Iterator[Dashboard]:
    engine = migrated(clickhouse_server)
    asyncio.run(add_candles(engine))
    started = start_dashboard(redis_server.url, CLICKHOUSE_URL=engine.url)
    yield started
    started.process.stop()


async def closes(dashboard: Dashboard, query: str) -> Any:
    async with client_of(dashboard) as client:
        answer = await client.get(f"/v1/closes?{query}")
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def hour(number: int) -> int:
    return (DAY_S + number * HOUR_S) * MS


async def test_every_symbol_has_its_closes_and_the_one_before(history: Dashboard) -> None:
    query = f"symbols=BTCUSDT,ethusdt,ethbtc,emptyusdt,nosuch&interval=1h&from={hour(2)}&to={hour(4)}"
    document = await closes(history, query)
    assert document["closes"] == {
        "btcusdt": [[hour(1), 2], [hour(2), 2], [hour(3), 2]],
        "ethusdt": [[(DAY_S - 300 * 86_400) * MS, Decimal(SMALL)]],
        "ethbtc": [[hour(3), 5]],
        "emptyusdt": [],
    }
    assert (document["interval"], document["source"]) == ("1h", "simulator")
    assert (document["from"], document["to"]) == (hour(2), hour(4))
    assert list(document["unknown"]) == ["nosuch"]


async def test_sources_never_mix(history: Dashboard) -> None:
    document = await closes(history, f"symbols=btcusdt&from={hour(2)}&to={hour(6)}&source=binance")
    assert (document["source"], document["closes"]) == ("binance", {"btcusdt": [[hour(4), 7]]})


async def test_daily_closes_begin_with_the_day_before(history: Dashboard) -> None:
    document = await closes(history, "symbols=ethusdt&interval=1d&from=2026-01-01&to=2026-01-02")
    assert [close for _, close in document["closes"]["ethusdt"]] == [Decimal(SMALL), 9]


@pytest.mark.parametrize(
    ("interval", "from_s", "expected"),
    [
        ("1s", NOON_S + 200, (NOON_S + 190, 13)),
        ("1s", NOON_S + 150, (NOON_S + 60, 12)),  # no second since the minute began
        ("1m", NOON_S + 120, (NOON_S + 60, 12)),
        ("1s", NOON_S, (NOON_S - 7200, 11)),
        ("1m", NOON_S, (NOON_S - 7200, 11)),
        ("1s", DAY_S + 30, (DAY_S - 86_400, 10)),
        ("1h", DAY_S, (DAY_S - 86_400, 10)),
    ],
)
async def test_the_close_before_is_that_of_the_shortest_candle(
    history: Dashboard, interval: str, from_s: int, expected: tuple[int, int]
) -> None:
    query = f"symbols=oldusdt&interval={interval}&from={from_s * MS}&to={(from_s + 1) * MS}"
    assert (await closes(history, query))["closes"]["oldusdt"][0] == [expected[0] * MS, expected[1]]


async def test_what_has_ended_may_be_kept_and_is_not_sent_twice(history: Dashboard) -> None:
    path = f"/closes?symbols=btcusdt&from={hour(0)}&to={hour(4)}"
    async with client_of(history) as client:
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "public, max-age=60"
        again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        live = await client.get(f"/closes?symbols=btcusdt&from={hour(0)}&interval=1d")
        assert live.headers["cache-control"] == "public, max-age=1"


async def test_a_portfolio_of_200_coins_is_one_question(history: Dashboard) -> None:
    before = await history.metric('dashboard_query_seconds_count{outcome="answered",purpose="history"}')
    symbols = ",".join(["btcusdt", "ethusdt", "ethbtc"] + [f"x{number}" for number in range(197)])
    await closes(history, f"symbols={symbols}&from={hour(0)}&to={hour(5)}")
    after = await history.metric('dashboard_query_seconds_count{outcome="answered",purpose="history"}')
    assert after - before == 1


async def test_bad_requests(history: Dashboard) -> None:
    async with client_of(history) as client:
        for query in ("", "symbols=btcusdt", "from=0", f"symbols=,&from={hour(0)}", "symbols=btcusdt&from=now"):
            assert_error(await client.get(f"/closes?{query}"), 422, "invalid_request")
        many = ",".join(f"x{number}" for number in range(201))
        assert_error(await client.get(f"/closes?symbols={many}&from={hour(0)}"), 422, "invalid_request")
        assert_error(await client.get("/closes?symbols=btcusdt&interval=1s&from=0"), 422, "invalid_request")


async def test_an_end_before_the_start_is_empty(history: Dashboard) -> None:
    document = await closes(history, f"symbols=ethbtc&from={hour(5)}&to={hour(3)}")
    assert document["closes"] == {"ethbtc": []}


@given(start_s=integers(0, MAX_TIME_S), interval=sampled_from(["1s", "1m", "1h", "1d"]))
def test_what_is_searched_before_the_range_is_without_gaps_and_bounded(start_s: int, interval: Interval) -> None:
    """200 symbols asked for one second at midnight must not cost the 17 million seconds of the day before."""
    parameters = ClosesRequest(("btcusdt",), interval, "simulator", start_s, start_s + 1).parameters()
    end: Any = start_s
    searched = 0
    for candles, first, last in look_back(interval):
        assert parameters[last] == end
        end = parameters[first] if first else 0
        searched += -(-(parameters[last] - end) // STEP_S[candles]) if first else 0
    assert (candles, first) == ("1d", None)
    assert searched <= 60 + 60 + 24


def test_the_bound_is_on_candles_of_all_symbols() -> None:
    def request(minutes: int) -> ClosesRequest:
        return ClosesRequest(("btcusdt", "ethusdt"), "1m", "simulator", 0, minutes * 60)

    assert request(MAX_CLOSES // 2).end_s == MAX_CLOSES // 2 * 60
    with pytest.raises(InvalidRequestError, match="at most 200,000 candles"):
        request(MAX_CLOSES // 2 + 1)
