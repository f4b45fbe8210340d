"""The OpenAPI document: complete, shown at /docs without help from elsewhere, and true of the running service."""

import asyncio
import json
import os
import re
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from redis.asyncio import Redis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import RunningRedis
from tests.processes import until
from tests.profile.conftest import Service, sign_up
from tests.profile.live.replica import list_symbols, tick

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
"""For each route and each of good and bad requests."""

ROUTES = {
    ("post", "/v1/register"),
    ("post", "/v1/login"),
    ("post", "/v1/refresh"),
    ("post", "/v1/auth/logout"),
    ("post", "/v1/auth/test"),
    ("get", "/v1/auth/sessions"),
    ("delete", "/v1/auth/sessions/{session_id}"),
    ("get", "/v2/coin/symbols"),
    ("post", "/v2/coin/symbol"),
    ("patch", "/v2/coin/symbol"),
    ("delete", "/v2/coin/symbol"),
    ("get", "/v2/user/profile"),
    ("delete", "/v2/user/profile"),
    ("post", "/v2/user/profile/ws-ticket"),
    ("get", "/v2/user/profile/ws"),
    ("get", "/v2/user/settings"),
    ("patch", "/v2/user/settings"),
}
MARKET_ROUTES = {
    ("get", "/v1/market/prices"),
    ("get", "/v1/market/movers"),
    ("get", "/v1/market/symbols"),
    ("get", "/v1/market/history/{symbol}"),
    ("get", "/v1/market/trades/{symbol}"),
    ("get", "/v1/market/coverage/{symbol}"),
    ("get", "/v1/market/sparklines"),
    ("get", "/v1/market/fill"),
    ("get", "/v1/market/closes"),
}
"""503 without a dashboard: tests/dashboard holds them, with one, against the document."""


async def document_of(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


async def test_every_route_is_described(client: httpx.AsyncClient) -> None:
    document = await document_of(client)
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == ROUTES | MARKET_ROUTES
    text = json.dumps(document, ensure_ascii=False)
    assert "🌐 Here is your tokens" in text
    assert "HTTPValidationError" not in text


async def test_the_page_shows_every_route_with_an_example(client: httpx.AsyncClient) -> None:
    home = await client.get("/")
    assert (home.status_code, home.headers["location"]) == (307, "/docs")
    page = await client.get("/docs")
    assert page.status_code == 200
    for _, path in ROUTES:
        assert path in page.text
    assert "curl -X POST http://localhost:8080/v1/register" in page.text
    assert "Login successful 👅🍭" in page.text


async def test_the_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert "<script" not in page.text
    assert not re.search(r"""(src|href)=["']https?:""", page.text)
    assert "script-src" not in page.headers["content-security-policy"]


@pytest.fixture(scope="module")
def listed(profile: Service, redis_server: RunningRedis) -> None:
    """With a listing, without which no currency can be chosen."""
    asyncio.run(choose_a_currency(profile, redis_server.url))


async def choose_a_currency(profile: Service, redis_url: str) -> None:
    async with (
        Redis.from_url(redis_url, protocol=2) as redis,
        httpx.AsyncClient(base_url=profile.url, trust_env=False, timeout=20) as client,
    ):
        user = await sign_up(client)

        async def is_chosen() -> bool:
            await tick(redis, "btcusdt", "60000", 1000)
            await list_symbols(redis, "BTC/USDT")
            return (await user.send("PATCH", "/v2/user/settings", '{"currency":"BTC"}')).status_code == 200

        await until(is_chosen, what="the listing")


CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=str)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_schemathesis_finds_no_contradiction(
    profile: Service, method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    """Requests made from the document, good and bad: no 5xx, and every answer is one that the document describes."""
    document, bearer = asyncio.run(document_and_bearer(profile))
    operation = schemathesis.openapi.from_dict(document)[path][method.upper()]

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(base_url=profile.url, headers=bearer, checks=CHECKS)

    with suppress(Unsatisfiable):  # there is no wrong way to send a request without parameters
        check()


async def document_and_bearer(profile: Service) -> tuple[dict[str, Any], dict[str, str]]:
    """The document, and the header of a new user."""
    async with httpx.AsyncClient(base_url=profile.url, trust_env=False, timeout=20) as client:
        return await document_of(client), (await sign_up(client)).bearer
