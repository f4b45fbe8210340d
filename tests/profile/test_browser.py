"""Rules for browsers: the origin of a request's page, and what the cookie allows."""

from urllib.parse import quote

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.common.errors import ForbiddenError
from services.common.signing import Signer
from services.profile.access.browser import require_same_origin
from services.profile.access.cookies import Cookies, page_of

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


@pytest.mark.parametrize("name", ["origin", "sec-fetch-site"])
def test_no_foreign_page_hides_behind_a_header_that_is_sent_twice(name: str) -> None:
    values = (
        [b"https://coins.example", b"https://evil.example"] if name == "origin" else [b"same-origin", b"cross-site"]
    )
    for sent in (values, values[::-1]):
        twice = connection()
        twice.scope["headers"] += [(name.encode(), value) for value in sent]
        with pytest.raises(ForbiddenError):
            require_same_origin(twice, OURS)


LAN = "http://192.168.1.20:8080"
ORIGINS = OURS | {LAN, "http://localhost:8080", "https://coins.example:8443"}
SIGNER = Signer(("k" * 32,), "refresh token owner")


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "allow_insecure", "secure", "kept"),
    [
        ("http", "localhost:8080", None, False, False, True),
        ("http", "127.0.0.1:8080", None, False, False, True),
        ("http", "[::1]:8080", None, False, False, True),
        ("https", "localhost:8443", None, False, True, True),
        ("http", "localhost.evil.example", None, False, True, False),
        ("http", "coins.example", None, False, True, True),
        ("http", "127.0.0.1:8080", "https://coins.example", False, True, True),
        ("http", "127.0.0.1:8080", "http://localhost:8080", False, False, True),
        ("http", "192.168.1.20:8080", LAN, False, True, False),
        ("http", "192.168.1.20:8080", LAN, True, False, True),
        ("http", "192.168.1.20:8080", None, True, False, True),
        ("http", "192.168.1.21:8080", None, True, True, False),
        ("https", "192.168.1.20:8080", None, True, True, True),
        ("http", "127.0.0.1:8080", "https://coins.example", True, True, True),
    ],
)
def test_cookies_are_secure_everywhere_but_on_localhost_and_where_allowed(
    scheme: str, host: str, origin: str | None, *, allow_insecure: bool, secure: bool, kept: bool
) -> None:
    headers = {} if origin is None else {"origin": origin}
    page = page_of(connection(scheme, host, **headers), ORIGINS, allow_insecure=allow_insecure)
    assert (page.secure, page.keeps_cookies) == (secure, kept)


def cookies(sent: dict[str, str], scheme: str = "http", host: str = "localhost:8080", **headers: str) -> Cookies:
    page = page_of(connection(scheme, host, **headers), ORIGINS, allow_insecure=False)
    return Cookies(sent, page, SIGNER, 60)


def set_by(jar: Cookies, token: str = "token", owner: int | None = None) -> dict[str, str]:
    response = Response()
    jar.set_refresh_token(response, token, owner)
    pairs = [value.split("=", 1) for key, value in response.headers.items() if key == "set-cookie"]
    return dict(pairs)


def test_the_cookie_of_a_program_has_the_name_of_the_contract() -> None:
    assert set(set_by(cookies({}))) == {"refreshToken"}
    assert set(set_by(cookies({}, "https", "coins.example"))) == {"refreshToken"}


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "name", "path"),
    [
        ("http", "localhost:8080", "http://localhost:8080", "refreshToken-8080", "/v1"),
        ("http", "localhost:10180", "", "refreshToken-10180", "/v1"),
        ("https", "coins.example", "https://coins.example", "__Host-refreshToken", "/"),
        ("http", "127.0.0.1:8080", "https://coins.example:8443", "__Host-refreshToken-8443", "/"),
    ],
)
def test_the_cookie_of_a_browser_is_of_this_copy_and_host_alone(
    scheme: str, host: str, origin: str, name: str, path: str
) -> None:
    headers = {"origin": origin} if origin else {"sec_fetch_site": "same-origin"}
    ((given, rest),) = set_by(cookies({}, scheme, host, **headers)).items()
    assert given == name
    attributes = {part.strip() for part in rest.split(";")[1:]}
    assert attributes - {"Secure"} == {"HttpOnly", "Max-Age=60", f"Path={path}", "SameSite=strict"}
    assert ("Secure" in attributes) == name.startswith("__Host-")


def test_a_browser_at_one_copy_does_not_use_the_session_of_another() -> None:
    sent = {"refreshToken-10180": "theirs", "refreshToken": "of before", "refreshToken-8080": "mine"}
    here = cookies(sent, sec_fetch_site="same-origin")
    assert here.refresh_token == "mine"
    response = Response()
    here.clear(response)
    here.rename(response)
    assert "refreshToken-8080=" in response.headers["set-cookie"]
    assert len(response.headers.getlist("set-cookie")) == 1


def test_a_cookie_of_an_earlier_version_is_read_and_renamed() -> None:
    here = cookies({"refreshToken": "of before"}, sec_fetch_site="same-origin")
    assert here.refresh_token == "of before"
    response = Response()
    here.set_refresh_token(response, "next", None)
    here.rename(response)
    first, second = response.headers.getlist("set-cookie")
    assert first.startswith("refreshToken-8080=next;")
    assert second.startswith('refreshToken="";')
    assert "Max-Age=0" in second


GO_TOKEN = "$2a$10$abcdefghijklmnopqrstuv/.0123456789ABCDEFGHIJKLMNOPQRS"


def test_a_percent_encoded_cookie_is_read() -> None:
    assert cookies({"refreshToken": quote(GO_TOKEN, safe="")}).refresh_token == GO_TOKEN
    assert cookies({"refreshToken": GO_TOKEN}).refresh_token == GO_TOKEN
    for unusable in ("caf%C3%A9", "a%0Ab", "%00", "x" * 5000):
        assert cookies({"refreshToken": unusable}).refresh_token is None


def test_the_owner_is_believed_for_its_own_token_alone() -> None:
    given = {name: rest.split(";")[0] for name, rest in set_by(cookies({}), "token", 7).items()}
    assert cookies(given).owner == 7
    assert cookies(given | {"refreshToken": "another"}).owner is None
    _, _, signature = given["refreshTokenOwner"].partition(".")
    assert cookies(given | {"refreshTokenOwner": f"8.{signature}"}).owner is None
    for forged in ("7", "7.", "x.y", "7.\u00e9", ""):
        assert cookies(given | {"refreshTokenOwner": forged}).owner is None
