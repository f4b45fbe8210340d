"""What is decided for browsers: whose page a request is from, and what the cookie allows."""

import pytest
from starlette.requests import HTTPConnection

from services.profile.access.browser import cookie_is_secure, require_same_origin
from services.profile.errors import ForbiddenError

OURS = frozenset({"https://coins.example"})


def connection(scheme: str = "http", host: str = "localhost:8080", **headers: str) -> HTTPConnection:
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return HTTPConnection({"type": "http", "scheme": scheme, "path": "/", "query_string": b"", "headers": raw})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://coins.example"},
        {"origin": "https://coins.example", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_own_pages_and_no_pages(headers: dict[str, str]) -> None:
    require_same_origin(connection(**headers), OURS)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://coins.example.evil.example"},
        {"origin": "http://coins.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://evil.example", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_foreign_pages(headers: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        require_same_origin(connection(**headers), OURS)


@pytest.mark.parametrize(
    ("scheme", "host", "secure"),
    [
        ("http", "localhost:8080", False),
        ("http", "127.0.0.1:8080", False),
        ("http", "[::1]:8080", False),
        ("https", "localhost:8443", True),
        ("http", "coins.example", True),
        ("http", "localhost.evil.example", True),
    ],
)
def test_the_cookie_is_secure_everywhere_but_on_localhost(scheme: str, host: str, *, secure: bool) -> None:
    here = connection(scheme, host)
    assert cookie_is_secure(here, "auto") is secure
    assert cookie_is_secure(here, "always") is True
    assert cookie_is_secure(here, "never") is False
