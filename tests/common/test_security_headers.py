"""Strict-Transport-Security: where the request was encrypted, and nowhere else."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from services.common.asgi import SecurityHeaders


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        ("https://coins.example/", None, True),
        ("http://coins.example/", None, True),
        ("http://10.0.0.1:8080/", "COINS.example", True),
        ("http://localhost:8080/", None, False),
        ("http://plain.example/", None, False),
        ("http://coins.example.evil/", None, False),
    ],
)
async def test_hsts_is_sent_over_https_and_for_the_hosts_of_our_own_https_origins(
    url: str, host: str | None, expected: bool
) -> None:
    origins = frozenset({"https://coins.example", "http://plain.example"})
    app = Starlette(middleware=[Middleware(SecurityHeaders, origins=origins)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        answer = await client.get(url, headers={"host": host} if host else {})
    assert ("strict-transport-security" in answer.headers) is expected
