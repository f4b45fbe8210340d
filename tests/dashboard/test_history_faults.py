"""History while ClickHouse is away, frozen or asked too much; and the work that identical requests share."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.clickhouse_server import RunningClickHouse
from tests.conftest import RunningRedis
from tests.dashboard.conftest import Dashboard, assert_error, client_of, migrated, start_dashboard
from tests.processes import free_port, service, until

COMPUTED = 'dashboard_history_cache_total{how="computed"}'
JOINED = 'dashboard_history_cache_total{how="joined"}'
KEPT = 'dashboard_history_cache_total{how="kept"}'


@pytest.fixture
async def lonely(own_clickhouse: RunningClickHouse, redis_server: RunningRedis) -> AsyncIterator[Dashboard]:
    """A dashboard whose ClickHouse the test may break; two queries at once, two waiting, 1.5 s for each."""
    engine = await asyncio.to_thread(migrated, own_clickhouse)
    await engine.add_candles("BTCUSDT", "1m", [60, 120], "1.5")
    bounds = {"HISTORY_TIMEOUT_S": "1.5", "HISTORY_QUERIES": "2", "HISTORY_WAITING": "2"}
    started = await asyncio.to_thread(start_dashboard, redis_server.url, CLICKHOUSE_URL=engine.reader_url, **bounds)
    yield started
    started.process.stop()


async def answered(client: httpx.AsyncClient, path: str = "/history/btcusdt") -> bool:
    return (await client.get(path)).status_code == 200


async def test_clickhouse_killed_and_back(lonely: Dashboard, own_clickhouse: RunningClickHouse) -> None:
    async with client_of(lonely) as client:
        await until(lambda: answered(client), what="history")
        own_clickhouse.process.kill()
        refused = await client.get("/history/btcusdt?limit=3")
        assert_error(refused, 503, "history_unavailable")
        assert refused.headers["retry-after"] == "2"
        assert_error(await client.get("/sparklines?symbols=btcusdt"), 503, "history_unavailable")
        assert await answered(client, "/prices")
        assert (await client.get(f"http://127.0.0.1:{lonely.ops_port}/readyz")).status_code == 200
        own_clickhouse.process.start()
        await until(lambda: answered(client, "/history/btcusdt?limit=4"), what="history is back")


async def test_clickhouse_frozen(lonely: Dashboard, own_clickhouse: RunningClickHouse) -> None:
    """Every request is answered in bounded time: 503 after waiting, or at once if too many wait."""
    async with client_of(lonely) as client:
        await until(lambda: answered(client), what="history")
        own_clickhouse.process.freeze()
        try:
            async with asyncio.timeout(15):
                answers = await asyncio.gather(*(client.get(f"/history/btcusdt?limit={n}") for n in range(10, 20)))
            assert {answer.json()["code"] for answer in answers} <= {"history_busy", "history_unavailable"}
            assert all(answer.status_code == 503 for answer in answers)
            assert await answered(client, "/prices")
        finally:
            own_clickhouse.process.thaw()
        await until(lambda: answered(client, "/history/btcusdt?limit=5"), what="history is back")


async def test_identical_requests_share_a_failure_too(lonely: Dashboard, own_clickhouse: RunningClickHouse) -> None:
    """They do not wait for one deadline after the other, nor take all places."""
    async with client_of(lonely) as client:
        await until(lambda: answered(client), what="history")
        own_clickhouse.process.freeze()
        try:
            path = "/history/btcusdt?to=2026-01-01&limit=7"
            before = await lonely.metric(COMPUTED)
            answers = await asyncio.gather(*(client.get(path) for _ in range(20)))
            assert {answer.json()["code"] for answer in answers} == {"history_unavailable"}
            assert await lonely.metric(COMPUTED) - before < len(answers) / 2
        finally:
            own_clickhouse.process.thaw()


async def test_identical_requests_are_computed_once(client: httpx.AsyncClient, dashboard: Dashboard) -> None:
    before = [await dashboard.metric(sample) for sample in (COMPUTED, JOINED, KEPT)]
    path = "/history/btcusdt?from=2020-01-01&to=2020-02-01&limit=5000"
    answers = await asyncio.gather(*(client.get(path) for _ in range(30)))
    after = [await dashboard.metric(sample) for sample in (COMPUTED, JOINED, KEPT)]
    computed, joined, kept = (now - then for now, then in zip(after, before, strict=True))
    assert (computed, joined + kept) == (1, 29)
    assert len({answer.content for answer in answers}) == 1


async def test_without_clickhouse_and_kafka_prices_are_served(redis_server: RunningRedis) -> None:
    started = await asyncio.to_thread(start_dashboard, redis_server.url, CLICKHOUSE_URL="")
    try:
        async with client_of(started) as client:
            for path in ("/prices", "/movers", "/symbols", "/"):
                assert await answered(client, path)
            refused = await client.get("/history/btcusdt")
            assert_error(refused, 503, "history_unavailable")
            assert refused.json()["error"] == "This installation keeps no history."
            overview = (await client.get("/v1/overview")).json()
            assert any("CLICKHOUSE_URL" in problem for problem in overview["problems"])
            assert any("KAFKA_BOOTSTRAP_SERVERS" in problem for problem in overview["problems"])
    finally:
        started.process.stop()


async def test_a_proxy_of_the_environment_does_not_stand_between(
    own_clickhouse: RunningClickHouse, redis_server: RunningRedis
) -> None:
    engine = await asyncio.to_thread(migrated, own_clickhouse)
    proxy = {"http_proxy": f"http://127.0.0.1:{free_port()}", "no_proxy": "elsewhere"}
    started = await asyncio.to_thread(start_dashboard, redis_server.url, CLICKHOUSE_URL=engine.reader_url, **proxy)
    try:
        async with client_of(started) as client:
            assert (await client.get("/history/btcusdt")).status_code == 200
    finally:
        started.process.stop()


def test_an_address_that_names_no_database_is_refused_at_the_start() -> None:
    process = service("dashboard", {"REDIS_URL": "redis://127.0.0.1:1", "CLICKHOUSE_URL": "http://u:secret@host:8123"})
    process.start()
    assert process.popen is not None
    assert process.popen.wait(60) == 2
    assert "CLICKHOUSE_URL" in process.output()
    assert "secret" not in process.output()
