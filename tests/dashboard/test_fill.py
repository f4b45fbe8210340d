"""The progress of the history that fills itself, from Redis to the market API and the operator's overview."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from services.market.fill import ABSENT, FillProgress
from tests.clickhouse_server import RunningClickHouse
from tests.conftest import RunningRedis
from tests.dashboard.conftest import Dashboard, assert_error, client_of, start_dashboard
from tests.processes import until

PENDING = {"btcusdt": 4, "ethusdt": 9}
FILLING = FillProgress("filling", 12, 3, "btcusdt", "Filling the history of 9 symbols.", PENDING)


@pytest.fixture
async def redis(redis_server: RunningRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_server.url, protocol=2) as opened:
        yield opened
        await opened.delete("market:fill")


def public(progress: FillProgress) -> dict[str, Any]:
    """As anyone gets it who names no symbol."""
    found = {name: value for name, value in msgspec.to_builtins(progress).items() if name != "reason"}
    return found | {"current": None, "pending": {}}


async def until_answered(client: httpx.AsyncClient, expected: object) -> None:
    """What is kept for a second may be answered first."""

    async def answered() -> bool:
        answer = await client.get("/v1/fill")
        assert answer.status_code == 200
        return bool(answer.json() == expected)

    await until(answered, what=f"{expected} as the answer")


async def test_progress_is_answered_without_listing_what_people_hold(client: httpx.AsyncClient, redis: Redis) -> None:
    await redis.set("market:fill", msgspec.json.encode(FILLING))
    expected = {
        "state": "filling",
        "symbols_total": 12,
        "symbols_done": 3,
        "current": None,
        "detail": "Filling the history of 9 symbols.",
        "pending": {},
    }
    await until_answered(client, expected)
    assert (await client.get("/fill")).json() == expected


async def test_what_is_the_operators_is_in_the_overview_alone(client: httpx.AsyncClient, redis: Redis) -> None:
    reason = "No answer from ClickHouse at history:8123 (ConnectError)."
    away = FillProgress("waiting", 12, 3, None, "ClickHouse does not answer.", reason=reason)
    await redis.set("market:fill", msgspec.json.encode(away))
    answer = {"symbols_total": 12, "symbols_done": 3, "current": None, "detail": "ClickHouse does not answer."}
    await until_answered(client, {"state": "waiting", "pending": {}} | answer)

    async def is_named() -> bool:
        return f"History is not being filled. {reason}" in (await client.get("/v1/overview")).json()["problems"]

    await until(is_named, what="the operator's reason")


async def test_of_the_symbols_that_are_named_those_that_are_pending_are_answered(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    await redis.set("market:fill", msgspec.json.encode(FILLING))
    await until_answered(client, public(FILLING))
    for named, current, pending in (
        ("ETHUSDT, solusdt", None, {"ethusdt": 9}),
        ("solusdt", None, {}),
        ("btcusdt,ethusdt", "btcusdt", PENDING),
    ):
        found = (await client.get("/v1/fill", params={"symbols": named})).json()
        assert (found["current"], found["pending"], found["symbols_total"]) == (current, pending, 12)
    for none in (",", ",".join(f"a{number}" for number in range(501))):
        assert_error(await client.get("/v1/fill", params={"symbols": none}), 422, "invalid_request")


UNREADABLE = [
    b"{",
    b"[]",
    b"\xff",
    b'{"state":"dancing"}',
    b'{"state":"idle","current":"' + b"a" * 50 + b'"}',
    b'{"state":"idle","pending":{"' + b"a" * 50 + b'":1}}',
    b'{"state":"idle","pending":{"btcusdt":-1}}',
]


@pytest.mark.parametrize("value", [None, *UNREADABLE])
async def test_without_progress_that_can_be_read_it_waits(
    client: httpx.AsyncClient, redis: Redis, value: bytes | None
) -> None:
    await redis.set("market:fill", msgspec.json.encode(FILLING))
    await until_answered(client, public(FILLING))
    await (redis.delete("market:fill") if value is None else redis.set("market:fill", value))
    await until_answered(client, public(ABSENT))


async def test_the_overview_has_it_and_names_what_is_in_the_way(client: httpx.AsyncClient, redis: Redis) -> None:
    async def overview(condition: str) -> Any:
        found = (await client.get("/v1/overview")).json()
        return found if found["fill"]["state"] == condition else None

    await redis.set("market:fill", msgspec.json.encode(FILLING))
    found = await until(lambda: overview("filling"), what="progress in the overview")
    assert (found["fill"]["symbols_done"], found["fill"]["symbols_total"]) == (3, 12)
    assert not any("History" in problem for problem in found["problems"])
    stopped = FillProgress("waiting", 12, 3, None, "The exchange asks us to stay away for 60 s.")
    await redis.set("market:fill", msgspec.json.encode(stopped))
    found = await until(lambda: overview("waiting"), what="the obstacle in the overview")
    assert "History is not being filled. The exchange asks us to stay away for 60 s." in found["problems"]


@pytest.fixture
def fragile(own_redis: RunningRedis, clickhouse_server: RunningClickHouse) -> Any:
    started = start_dashboard(own_redis.url)
    yield started
    started.process.stop()


async def test_without_redis_it_is_unavailable(fragile: Dashboard, own_redis: RunningRedis) -> None:
    own_redis.process.kill()
    async with client_of(fragile) as client:
        assert_error(await client.get("/v1/fill"), 503, "prices_unavailable")


async def test_where_no_history_is_kept_the_overview_has_none(fragile: Dashboard) -> None:
    async with client_of(fragile) as client:
        found = (await client.get("/v1/overview")).json()
    assert found["fill"] is None
    assert not any("History" in problem for problem in found["problems"])
