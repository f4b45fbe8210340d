"""The tape over HTTP, from the real engine: exact in every format, every trade once, by id and by time."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.dashboard.conftest import Engine, assert_error

PRICE = "98765432109876543210.123456789012345678"
START_MS = 1_767_225_600_000
COLUMNS = "time,trade_id,price,quantity,buyer_is_maker,first_id,last_id,event_time,receive_time"


async def add_trades(engine: Engine, symbol: str, first: int, count: int, source: str, price: str = PRICE) -> None:
    """Trades of one price, ids from `first`, 100 ms apart by id."""
    await engine.run(
        "INSERT INTO trades (symbol, trade_id, price, quantity, first_id, last_id, event_time, trade_time, "
        f"buyer_is_maker, receive_time, source) SELECT '{symbol}', number, toDecimal128('{price}', 18), "
        f"toDecimal128('0.0125', 18), 10 * number, 10 * number + 9, made, made, number % 2, now64(3), '{source}' "
        f"FROM (SELECT number, fromUnixTimestamp64Milli({START_MS} + 100 * number) AS made "
        f"FROM numbers({first}, {count}))"
    )


@pytest.fixture(scope="module", autouse=True)
def trades(engine: Engine) -> None:
    async def add() -> None:
        await add_trades(engine, "BTCUSDT", 0, 60, "simulator")
        await add_trades(engine, "BTCUSDT", 40, 60, "simulator")  # twenty of them once more
        await add_trades(engine, "BTCUSDT", 0, 200, "binance", "7")
        await add_trades(engine, "ETHUSDT", 0, 200, "simulator", "8")

    asyncio.run(add())


def exact(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)


def ids(document: Any) -> list[int]:
    return [trade["id"] for trade in document["trades"]]


async def test_a_trade_is_exact(client: httpx.AsyncClient) -> None:
    document = exact(await client.get("/v1/trades/BTCUSDT?from_id=7&limit=1"))
    assert document == {
        "symbol": "btcusdt",
        "source": "simulator",
        "trades": [
            {
                "id": 7,
                "t": START_MS + 700,
                "p": Decimal(PRICE),
                "q": Decimal("0.0125"),
                "m": True,
                "f": 70,
                "l": 79,
            }
        ],
        "next": 8,
        "previous": None,
    }


@pytest.mark.parametrize("limit", [1, 7, 60, 99, 100])
async def test_pages_forward_hold_every_trade_once(client: httpx.AsyncClient, limit: int) -> None:
    found, from_id = [], 0
    while from_id is not None:
        document = exact(await client.get(f"/trades/btcusdt?from_id={from_id}&limit={limit}"))
        assert len(document["trades"]) <= limit
        assert document["previous"] is None
        found += ids(document)
        from_id = document["next"]
    assert found == list(range(100))


@pytest.mark.parametrize("limit", [1, 7, 99, 100])
async def test_pages_backward_hold_every_trade_once(client: httpx.AsyncClient, limit: int) -> None:
    found: list[int] = []
    query = ""
    while True:
        document = exact(await client.get(f"/trades/btcusdt?limit={limit}{query}"))
        assert document["next"] is None
        found = ids(document) + found
        if document["previous"] is None:
            break
        query = f"&to_id={document['previous']}"
    assert found == list(range(100))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"from={START_MS + 900}&to={START_MS + 1_100}", [9, 10]),
        (f"from={START_MS + 901}&to={START_MS + 1_101}", [10, 11]),
        (f"to={START_MS + 200}", [0, 1]),
        ("from=2026-01-01T00:00:09.8Z", [98, 99]),
        ("from=2026-01-01T00:00:09.8Z&to=2026-01-01T00:00:09.801Z", [98]),
        ("to_id=3&from_id=1", [1, 2]),
        (f"from_id=5&to={START_MS + 700}", [5, 6]),
        ("from_id=100", []),
        ("to_id=0", []),
        (f"from={START_MS + 500}&to={START_MS}", []),
    ],
)
async def test_by_time_and_by_id(client: httpx.AsyncClient, query: str, expected: list[int]) -> None:
    document = exact(await client.get(f"/trades/btcusdt?{query}"))
    assert ids(document) == expected
    assert (document["next"], document["previous"]) == (None, None)


async def test_another_source_can_be_asked_for(client: httpx.AsyncClient) -> None:
    document = exact(await client.get("/trades/btcusdt?source=binance&limit=200"))
    assert (document["source"], ids(document)) == ("binance", list(range(200)))
    assert {trade["p"] for trade in document["trades"]} == {7}


async def test_csv(client: httpx.AsyncClient) -> None:
    answer = await client.get("/trades/btcusdt?format=csv&from_id=7&limit=1")
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = answer.text.splitlines()
    assert head.replace('"', "") == COLUMNS
    made = "2026-01-01T00:00:00.700Z"
    assert row.replace('"', "").startswith(f"{made},7,{PRICE},0.0125,true,70,79,{made},")
    assert (answer.headers["x-next"], answer.headers["x-source"]) == ("8", "simulator")
    assert answer.headers["content-disposition"] == 'attachment; filename="btcusdt-trades.csv"'


@pytest.mark.parametrize(("form", "name"), [("arrow", "ArrowStream"), ("parquet", "Parquet")])
async def test_binary_formats_hold_the_same(client: httpx.AsyncClient, engine: Engine, form: str, name: str) -> None:
    answer = await client.get(f"/trades/btcusdt?format={form}&from_id=7&limit=2")
    assert answer.headers["content-type"].startswith(f"application/vnd.apache.{form}")
    table = f"read_{form}_trades"
    await engine.run(
        f"CREATE TABLE {table} (time DateTime64(3, 'UTC'), trade_id Int64, price Decimal(38, 18), "
        "quantity Decimal(38, 18), buyer_is_maker Bool, first_id Int64, last_id Int64, "
        "event_time DateTime64(3, 'UTC'), receive_time DateTime64(3, 'UTC')) ENGINE = Memory"
    )
    await engine.run(f"INSERT INTO {table} FORMAT {name}", answer.content)
    figures = "toUnixTimestamp64Milli(time), trade_id, price, buyer_is_maker"
    rows = await engine.run(f"SELECT {figures} FROM {table} ORDER BY trade_id")
    assert rows.split() == [str(START_MS + 700), "7", PRICE, "true", str(START_MS + 800), "8", PRICE, "false"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=100001", "from_id=-1", "from_id=x", f"to_id={2**63}", "from=yesterday", "to=", "format=xml"],
)
async def test_what_cannot_be_meant_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert_error(await client.get(f"/trades/btcusdt?{query}"), 422, "invalid_request")


async def test_an_unknown_symbol(client: httpx.AsyncClient) -> None:
    answer = await client.get("/trades/btcusdx")
    assert_error(answer, 404, "unknown_symbol")
    assert "btcusdt" in answer.json()["near"]
