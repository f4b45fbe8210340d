"""The OpenAPI documents, the dashboard's and profile's: the same market API, and true of both running services."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from services.dashboard.history import STEP_S
from tests.conftest import RunningPostgres, RunningRedis
from tests.dashboard.conftest import Dashboard
from tests.profile.conftest import Service, migrated_database
from tests.profile.conftest import start as start_service

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
"""For each route and each of good and bad requests."""
ROUTES = (
    "/prices",
    "/movers",
    "/symbols",
    "/history/{symbol}",
    "/trades/{symbol}",
    "/coverage/{symbol}",
    "/closes",
    "/sparklines",
    "/fill",
)
MAX_QUERY_BYTES = 48 * 1024
"""uvicorn hangs up on a request whose head is longer than 64 KiB: no route sees it, and no document describes that."""
PHASES = [Phase.explicit, Phase.generate]
"""A failure is reported as found: to make 20,000 characters fewer takes minutes."""
PREFIXES = {"dashboard": "/v1", "profile": "/v1/market"}
CHECKS: list[Any] = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def profile(postgres_server: RunningPostgres, redis_server: RunningRedis, dashboard: Dashboard) -> Iterator[Service]:
    """A profile before the real dashboard, without logins."""
    env = {"REDIS_URL": redis_server.url, "DASHBOARD_URL": dashboard.url, "LIMIT_MARKET": "1000000/minute"}
    started = start_service("profile", "HTTP_PORT", migrated_database(postgres_server, "profile"), env)
    yield started
    started.process.stop()


@pytest.fixture(scope="module")
def urls(dashboard: Dashboard, profile: Service) -> dict[str, str]:
    return {"dashboard": dashboard.url, "profile": profile.url}


@pytest.fixture(scope="module")
def documents(urls: dict[str, str]) -> dict[str, Any]:
    return {name: httpx.get(f"{url}/openapi.json", trust_env=False, timeout=30).json() for name, url in urls.items()}


def described(document: Any, path: str) -> Any:
    """A route without what may differ: its id, the names of its schemas, the words about errors."""
    route = {key: value for key, value in document["paths"][path]["get"].items() if key != "operationId"}
    route["responses"] = {status: answer if status == "200" else "" for status, answer in route["responses"].items()}
    return resolved(route, document["components"]["schemas"])


def resolved(node: Any, schemas: Any) -> Any:
    if isinstance(node, list):
        return [resolved(part, schemas) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return resolved(schemas[node["$ref"].rpartition("/")[2]], schemas)
    named = {"title"} if isinstance(node.get("title"), str) else set()
    return {key: resolved(part, schemas) for key, part in node.items() if key not in named}


def test_the_dashboard_describes_these_routes(documents: dict[str, Any]) -> None:
    assert set(documents["dashboard"]["paths"]) == {f"/v1{route}" for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES)
def test_profile_describes_the_same_api(documents: dict[str, Any], route: str) -> None:
    """Parameters, answers, errors, texts."""
    ours = described(documents["dashboard"], f"/v1{route}")
    assert described(documents["profile"], f"/v1/market{route}") == ours


def test_the_page_of_the_dashboard_shows_every_route(urls: dict[str, str]) -> None:
    page = httpx.get(f"{urls['dashboard']}/docs", trust_env=False, timeout=30)
    for route in ROUTES:
        assert f"curl -X GET http://localhost:8083/v1{route}" in page.text
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]


def test_intervals_are_those_of_the_contract() -> None:
    assert list(STEP_S) == ["1s", "1m", "1h", "1d"]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=str)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", PREFIXES)
def test_schemathesis_finds_no_contradiction(
    urls: dict[str, str], documents: dict[str, Any], name: str, route: str, mode: schemathesis.GenerationMode
) -> None:
    """Requests made from the document, good and bad: no 5xx, and every answer is one that the document describes."""
    operation = schemathesis.openapi.from_dict(documents[name])[f"{PREFIXES[name]}{route}"]["GET"]

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=PHASES, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        assume(len(quote(repr(case.query))) < MAX_QUERY_BYTES)
        case.call_and_validate(base_url=urls[name], checks=CHECKS)

    with suppress(Unsatisfiable):
        check()


async def test_profile_passes_on_the_dashboards_answers(urls: dict[str, str]) -> None:
    """Digit for digit, compressed or not, and what is unchanged is not sent again."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        for path in ("/symbols", "/history/btcusdt?from=2026-01-01&to=2026-01-02", "/history/btcusdx"):
            direct = await client.get(f"{urls['dashboard']}/v1{path}")
            through = await client.get(f"{urls['profile']}/v1/market{path}")
            assert (through.status_code, through.content) == (direct.status_code, direct.content)
            for header in ("etag", "cache-control", "content-type", "vary"):
                assert through.headers.get(header) == direct.headers.get(header)
        etag = (await client.get(f"{urls['profile']}/v1/market/symbols")).headers["etag"]
        again = await client.get(f"{urls['profile']}/v1/market/symbols", headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        page = await client.get(f"{urls['profile']}/v1/market/history/btcusdt?format=csv&limit=1&from=0")
        assert page.headers["content-type"].startswith("text/csv")


async def test_many_through_profile_at_once(urls: dict[str, str]) -> None:
    addresses = [f"/v1/market/symbols?limit={1 + number}" for number in range(8)]
    async with httpx.AsyncClient(base_url=urls["profile"], trust_env=False, timeout=20) as client:
        answers = await asyncio.gather(*(client.get(address) for address in addresses))
    assert {answer.status_code for answer in answers} == {200}
