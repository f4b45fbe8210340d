"""The market API through profile: what is passed on, what is refused, and what a bad dashboard cannot do."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from services.profile.upstream.dashboard_client import (
    MAX_AT_ONCE_PER_CLIENT,
    MAX_BODY_BYTES,
    MAX_QUERY_LENGTH,
    MAX_WAITING_PER_CLIENT,
)
from tests.conftest import RunningRedis
from tests.processes import free_port, until
from tests.profile.conftest import Service, assert_error, profile_env, sign_up, start
from tests.profile.scripted import ScriptedAggregator
from tests.profile.scripted_dashboard import JSON, ScriptedDashboard, serving_dashboard

TIMEOUT_S = "3"


@pytest.fixture(scope="module")
def dashboard_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def market_profile(
    profile: Service,
    redis_server: RunningRedis,
    authorization: Service,
    aggregator: ScriptedAggregator,
    dashboard_port: int,
) -> Iterator[Service]:
    """A second replica, which knows where the dashboard would be."""
    env = profile_env(redis_server.url, authorization, aggregator)
    market = {"DASHBOARD_URL": f"http://127.0.0.1:{dashboard_port}", "DASHBOARD_TIMEOUT_S": TIMEOUT_S}
    proxies = {"TRUSTED_PROXIES": "127.0.0.1", "LIMIT_MARKET": "40/hour"}
    started = start("profile", "HTTP_PORT", profile.database_url, env | market | proxies)
    yield started
    started.process.stop()


@pytest.fixture
async def dashboard(dashboard_port: int) -> AsyncIterator[ScriptedDashboard]:
    async with serving_dashboard(dashboard_port) as scripted:
        yield scripted


addresses = (f"203.0.113.{number}" for number in range(1, 255))


@pytest.fixture
async def client(market_profile: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an address of its own, as a proxy sends it: each test has its own share of the limits."""
    headers = {"X-Forwarded-For": next(addresses)}
    async with httpx.AsyncClient(base_url=market_profile.url, trust_env=False, timeout=20, headers=headers) as opened:
        yield opened


async def test_a_head_is_fetched_without_the_body(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    dashboard.body, dashboard.headers = b"[1,2,3]", JSON | {"ETag": 'W/"1"'}
    answer = await client.head("/v1/market/prices?symbols=btcusdt")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["etag"]) == ("7", 'W/"1"')
    assert dashboard.methods == ["HEAD"]


async def test_an_answer_goes_out_as_it_came(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    dashboard.body = gzip.compress(b'{"prices":[{"price":0.123456789012345678}]}')
    dashboard.headers = JSON | {
        "Content-Encoding": "gzip",
        "ETag": 'W/"1"',
        "Cache-Control": "public, max-age=1",
        "Vary": "Accept-Encoding",
        "X-Next": "5",
        "X-Previous": "4",
        "X-Source": "simulator",
        "Set-Cookie": "no=business",
        "Server": "of mine",
    }
    answer = await client.get("/v1/market/prices?symbols=btcusdt,%C3%A4&limit=5", headers={"If-None-Match": 'W/"0"'})
    assert answer.text == '{"prices":[{"price":0.123456789012345678}]}'
    passed = ("content-encoding", "etag", "cache-control", "vary", "x-next", "x-previous", "x-source")
    assert [answer.headers[name] for name in passed] == [
        "gzip",
        'W/"1"',
        "public, max-age=1",
        "Accept-Encoding",
        "5",
        "4",
        "simulator",
    ]
    assert "set-cookie" not in answer.headers
    assert "server" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    target, headers = dashboard.requests[0]
    assert target == "/v1/prices?symbols=btcusdt,%C3%A4&limit=5"
    assert headers["if-none-match"] == 'W/"0"'
    assert headers["x-forwarded-for"] == client.headers["x-forwarded-for"]


async def test_no_login_is_needed_and_no_secret_is_passed_on(
    client: httpx.AsyncClient, dashboard: ScriptedDashboard
) -> None:
    await client.get("/v1/market/movers", headers={"Authorization": "Bearer x", "Cookie": "refreshToken=x"})
    assert not {"authorization", "cookie"} & dashboard.requests[0][1].keys()


@pytest.mark.parametrize("status", [304, 404, 422, 429, 503])
async def test_refusals_are_handed_on(client: httpx.AsyncClient, dashboard: ScriptedDashboard, status: int) -> None:
    dashboard.status = status
    dashboard.headers = JSON | {"Retry-After": "7"}
    dashboard.body = b"" if status == 304 else b'{"error":"No.","code":"some_code","near":["btcusdt"]}'
    answer = await client.get("/v1/market/history/btcusdx")
    assert (answer.status_code, answer.content) == (status, dashboard.body)
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("symbol", "asked_as"),
    [("..", "%2E%2E"), ("a b?c", "a%20b%3Fc"), ("币安usdt", "%E5%B8%81%E5%AE%89usdt"), ("BTCUSDT", "BTCUSDT")],
)
async def test_a_symbol_is_one_part_of_the_path(
    client: httpx.AsyncClient, dashboard: ScriptedDashboard, symbol: str, asked_as: str
) -> None:
    path = symbol.replace("?", "%3F").replace(" ", "%20").replace(".", "%2E")
    await client.get(f"/v1/market/history/{path}")
    assert dashboard.requests[0][0] == f"/v1/history/{asked_as}"


async def test_headers_of_any_bytes_are_handed_on(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    answer = await client.get("/v1/market/prices", headers={b"If-None-Match": 'W/"ä"'.encode()})
    assert answer.status_code == 200
    assert dashboard.requests[0][1]["if-none-match"] == 'W/"ä"'


async def test_a_query_that_is_too_long_is_refused_here(
    client: httpx.AsyncClient, dashboard: ScriptedDashboard
) -> None:
    path = "/v1/market/prices?x="
    assert (await client.get(path + "a" * (MAX_QUERY_LENGTH - 2))).status_code == 200
    assert_error(await client.get(path + "a" * (MAX_QUERY_LENGTH - 1)), 422, "invalid_request")
    assert len(dashboard.requests) == 1


async def test_bad_requests_are_refused_here(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    assert_error(await client.get("/v1/market/prices?limit=0"), 422, "invalid_request")
    assert_error(await client.get("/v1/market/history/btcusdt?interval=2m"), 422, "invalid_request")
    assert dashboard.requests == []


async def test_without_a_dashboard(client: httpx.AsyncClient, profile: Service) -> None:
    assert_error(await client.get("/v1/market/prices"), 503, "market_unavailable")
    async with httpx.AsyncClient(base_url=profile.url, trust_env=False) as unconfigured:
        assert_error(await unconfigured.get("/v1/market/prices"), 503, "market_unavailable")


@pytest.mark.parametrize(
    ("status", "headers"),
    [(500, JSON), (503, {"Content-Type": "text/plain"}), (302, {"Location": "http://elsewhere"}), (401, JSON)],
)
async def test_an_answer_that_is_no_market_api_is_not_passed_on(
    client: httpx.AsyncClient, dashboard: ScriptedDashboard, status: int, headers: dict[str, str]
) -> None:
    dashboard.status, dashboard.headers, dashboard.body = status, headers, b"SELECT * FROM secrets"
    assert_error(await client.get("/v1/market/prices"), 503, "market_unavailable")


async def test_a_frozen_dashboard_costs_a_bounded_wait_and_no_login(
    market_profile: Service, client: httpx.AsyncClient, dashboard: ScriptedDashboard
) -> None:
    """Beyond so many requests at once a client waits, beyond more it is refused; logged-in users are unaffected."""
    dashboard.frozen = True
    count = MAX_AT_ONCE_PER_CLIENT + MAX_WAITING_PER_CLIENT
    headers = {"X-Forwarded-For": next(addresses)}
    async with httpx.AsyncClient(
        base_url=market_profile.url, trust_env=False, timeout=60, headers=headers, limits=httpx.Limits()
    ) as many:
        answers = await asyncio.gather(*(many.get("/v1/market/movers") for _ in range(count + 1)))
    codes = Counter(answer.json()["code"] for answer in answers)
    assert codes["market_unavailable"] >= MAX_AT_ONCE_PER_CLIENT
    assert codes["too_many_requests"] >= 1
    assert set(codes) == {"market_unavailable", "too_many_requests"}
    user = await sign_up(client)
    assert (await user.request("GET", "/v2/user/profile")).status_code == 200
    dashboard.frozen = False
    assert (await client.get("/v1/market/prices")).status_code == 200


async def test_tabs_that_load_at_once_wait_for_each_other(
    client: httpx.AsyncClient, dashboard: ScriptedDashboard
) -> None:
    answers = await asyncio.gather(*(client.get("/v1/market/prices") for _ in range(2 * MAX_AT_ONCE_PER_CLIENT)))
    assert {answer.status_code for answer in answers} == {200}


async def test_what_is_abandoned_does_not_count(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    """A search that is typed on gives up its earlier questions."""
    dashboard.frozen = True
    for number in range(45):
        asking = asyncio.create_task(client.get("/v1/market/prices"))
        await until(lambda number=number: len(dashboard.requests) > number, what="it is asked")
        asking.cancel()
        await asyncio.wait([asking])
    dashboard.frozen = False
    answers = [await client.get("/v1/market/prices") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


async def test_an_answer_cut_short_does_not_look_whole(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    dashboard.body, dashboard.missing_bytes = b"x" * 1000, 10
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/v1/market/prices")


async def test_an_endless_answer_is_cut(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    dashboard.body = b"x" * (MAX_BODY_BYTES + 1)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/v1/market/prices")


async def test_a_client_may_ask_so_often(client: httpx.AsyncClient, dashboard: ScriptedDashboard) -> None:
    answers = [await client.get("/v1/market/prices") for _ in range(41)]
    assert [answer.status_code for answer in answers] == [200] * 40 + [429]
    assert_error(answers[-1], 429, "too_many_requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 180
    assert len(dashboard.requests) == 40
    other = await client.get("/v1/market/prices", headers={"X-Forwarded-For": next(addresses)})
    assert other.status_code == 200
