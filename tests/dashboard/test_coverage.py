"""The coverage ledger over HTTP, from the real engine, and in the operator's overview."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from tests.dashboard.conftest import Engine, assert_error

HOUR_MS = 3_600_000
DAY_S = 1_767_225_600  # 2026-01-01
COLUMNS = "source, symbol, hour, first_id, last_id, present, filled, missing, reason"


async def add_hour(engine: Engine, symbol: str, start_s: int, figures: str, source: str = "simulator") -> None:
    await engine.run(f"INSERT INTO trade_coverage ({COLUMNS}) VALUES ('{source}', '{symbol}', {start_s}, {figures})")


@pytest.fixture(scope="module", autouse=True)
def ledger(engine: Engine) -> None:
    async def add() -> None:
        await add_hour(engine, "BTCUSDT", DAY_S, "10, 19, 4, 0, 6, 'pending'")
        await asyncio.sleep(0.01)  # the newest row of an hour counts, by the time of its insertion
        await add_hour(engine, "BTCUSDT", DAY_S, "10, 19, 4, 6, 0, ''")
        await add_hour(engine, "BTCUSDT", DAY_S + 7_200, "25, 30, 6, 0, 5, 'exchange_lacks'")
        await add_hour(engine, "BTCUSDT", DAY_S, "1, 9, 9, 0, 0, ''", source="binance")
        now_s = int(time.time()) // 3600 * 3600
        await add_hour(engine, "ETHUSDT", now_s, "1, 100, 90, 3, 7, 'too_long'")

    asyncio.run(add())


async def document(client: httpx.AsyncClient, query: str) -> Any:
    answer = await client.get(f"/v1/coverage/{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_hour_names_what_is_present_filled_and_missing(client: httpx.AsyncClient) -> None:
    begin, end = DAY_S * 1000, DAY_S * 1000 + 24 * HOUR_MS
    assert await document(client, f"BTCUSDT?from={begin}&to={end}") == {
        "symbol": "btcusdt",
        "source": "simulator",
        "from": begin,
        "to": end,
        "present": 10,
        "filled": 6,
        "missing": 5,
        "hours": [
            {"t": begin, "first": 10, "last": 19, "present": 4, "filled": 6, "missing": 0, "reason": None},
            {
                "t": begin + 2 * HOUR_MS,
                "first": 25,
                "last": 30,
                "present": 6,
                "filled": 0,
                "missing": 5,
                "reason": "exchange_lacks",
            },
        ],
    }


async def test_the_range_is_half_open_and_the_source_can_be_chosen(client: httpx.AsyncClient) -> None:
    begin = DAY_S * 1000
    half = await document(client, f"btcusdt?from={begin}&to={begin + 2 * HOUR_MS}")
    assert [hour["t"] for hour in half["hours"]] == [begin]
    other = await document(client, f"btcusdt?from={begin}&to={begin + HOUR_MS}&source=binance")
    assert (other["source"], other["present"], other["missing"]) == ("binance", 9, 0)


async def test_the_hours_that_are_whole_can_be_left_out_and_the_sums_count_them(client: httpx.AsyncClient) -> None:
    begin = DAY_S * 1000
    found = await document(client, f"btcusdt?from={begin}&to={begin + 24 * HOUR_MS}&missing=true")
    assert [(hour["t"], hour["missing"]) for hour in found["hours"]] == [(begin + 2 * HOUR_MS, 5)]
    assert (found["present"], found["filled"], found["missing"]) == (10, 6, 5)


async def test_by_default_it_is_the_last_week(client: httpx.AsyncClient) -> None:
    found = await document(client, "ethusdt")
    assert found["to"] - found["from"] == 7 * 24 * HOUR_MS
    assert [hour["reason"] for hour in found["hours"]] == ["too_long"]
    assert (await document(client, "emptyusdt"))["hours"] == []


async def test_more_hours_than_can_be_meant_are_refused(client: httpx.AsyncClient) -> None:
    assert_error(await client.get("/coverage/btcusdt?from=2020-01-01&to=2026-01-01"), 422, "invalid_request")
    assert_error(await client.get("/coverage/nosuch"), 404, "unknown_symbol")


async def test_the_operator_sees_what_is_missing(client: httpx.AsyncClient) -> None:
    overview = json.loads((await client.get("/v1/overview")).text)
    assert {key: overview["tape"][key] for key in ("symbols", "present", "filled", "missing")} == {
        "symbols": 1,
        "present": 90,
        "filled": 3,
        "missing": 7,
    }
    assert overview["breaks"] == []
    (hole,) = overview["tape"]["holes"]
    assert (hole["symbol"], hole["missing"], hole["reason"]) == ("ETHUSDT", 7, "too_long")
