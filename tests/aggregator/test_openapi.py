"""The OpenAPI document is true of the running service."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.aggregator.conftest import Running
from tests.aggregator.socket_peer import ticker, ticker_frame

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ROUTES = [
    ("GET", "/coin"),
    ("DELETE", "/coin"),
    ("PUT", "/followers/{follower_id}"),
    ("GET", "/coins"),
    ("GET", "/symbols"),
]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=str)
async def test_schemathesis_finds_no_contradiction(aggregator: Running, mode: schemathesis.GenerationMode) -> None:
    """Requests made from the document, good and bad: no 5xx, and every answer is one that the document describes."""
    aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "1.5")))
    document = (await aggregator.http.get("/openapi.json")).json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == set(ROUTES)
    schema = schemathesis.openapi.from_dict(document)
    for method, path in ROUTES:
        await asyncio.to_thread(_explore, schema[path][method], mode, str(aggregator.http.base_url))


def _explore(operation: Any, mode: schemathesis.GenerationMode, base_url: str) -> None:
    @settings(max_examples=15, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(base_url=base_url, checks=CHECKS)

    with suppress(Unsatisfiable):  # there is no wrong way to send a request without parameters
        check()
