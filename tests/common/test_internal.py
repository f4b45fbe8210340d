"""Which requests an internal server takes: by the name they were sent to, and by the page that sent them."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.common.health import Health
from services.common.http import listen, serve_http
from services.common.internal import internal, is_own_host
from services.common.metrics import HTTP_REFUSED
from services.common.ops import serve_ops
from tests.processes import free_port


@pytest.mark.parametrize(
    ("host", "own"),
    [
        (None, True),
        ("127.0.0.1:8088", True),
        ("192.168.1.5", True),
        ("[::1]:8088", True),
        ("[fe80::1%25eth0]:8088", True),
        ("localhost", True),
        ("LOCALHOST:8088", True),
        ("localhost.:8088", True),
        ("crypto.localhost:8088", True),
        ("aggregator:8088", True),
        ("crypto-service-aggregator-1:8088", True),
        ("dash.example.org", True),
        ("evil.example", False),
        ("evil.example:8088", False),
        ("dash.example.org.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1.nip.io:8088", False),
        ("localhost.evil.example", False),
        ("1.2.3", False),
        ("[::1", False),
        ("", False),
        (":8088", False),
        ("evil.example@localhost", True),
        ("localhost@evil.example", False),
    ],
)
def test_a_host_is_own_where_no_stranger_can_give_it_our_address(host: str | None, own: bool) -> None:
    assert is_own_host(host, {"dash.example.org"}) is own


NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
REQUESTS: list[tuple[dict[str, str], int, int]] = [
    ({}, 200, 200),
    ({"Sec-Fetch-Site": "none"}, 200, 200),
    ({"Sec-Fetch-Site": "same-origin"}, 200, 200),
    ({"Origin": "own"}, 200, 200),
    ({"Origin": "null"}, 403, 403),
    ({"Origin": "http://evil.example"}, 403, 403),
    ({"Origin": "http://localhost:1"}, 403, 403),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403, 403),
    (NAVIGATION, 403, 200),
    (NAVIGATION | {"Sec-Fetch-Dest": "iframe"}, 403, 403),
    (NAVIGATION | {"Sec-Fetch-Mode": "cors"}, 403, 403),
    (NAVIGATION | {"Origin": "http://evil.example"}, 403, 403),
    ({"Host": "evil.example"}, 421, 421),
    ({"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 421, 421),
]


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


@pytest.mark.parametrize("pages", [False, True])
async def test_requests_of_foreign_pages_are_refused(pages: bool) -> None:
    sock = listen("127.0.0.1", 0)
    address = f"127.0.0.1:{sock.getsockname()[1]}"
    app = internal(Starlette(routes=[Route("/", hello)]), pages=pages)
    async with serve_http(app, sock), httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        for headers, bare, with_pages in REQUESTS:
            sent = {name: value if value != "own" else f"http://{address}" for name, value in headers.items()}
            answer = await client.get("/", headers=sent)
            assert answer.status_code == (with_pages if pages else bare), headers
            if answer.status_code != 200:
                assert set(answer.json()) == {"error", "code"}


@pytest.mark.parametrize(
    "twice",
    [
        [("Origin", "own"), ("Origin", "http://evil.example")],
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "CROSS-SITE")],
    ],
)
async def test_no_header_hides_behind_another_or_in_capitals(twice: list[tuple[str, str]]) -> None:
    sock = listen("127.0.0.1", 0)
    address = f"127.0.0.1:{sock.getsockname()[1]}"
    app = internal(Starlette(routes=[Route("/", hello)]), pages=False)
    sent = [(name, value.replace("own", f"http://{address}")) for name, value in twice]
    async with serve_http(app, sock), httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        for headers in (sent, sent[::-1]):
            assert (await client.get("/", headers=headers)).status_code == 403


async def test_a_link_of_another_site_may_only_read_and_what_is_refused_is_counted() -> None:
    def refused(reason: str) -> float:
        return float(HTTP_REFUSED.labels("internal", reason)._value.get())

    before = refused("foreign_origin"), refused("foreign_host")
    sock = listen("127.0.0.1", 0)
    app = internal(Starlette(routes=[Route("/", hello, methods=["GET", "POST"])]), pages=True)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
    async with serve_http(app, sock), httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(url, headers=NAVIGATION)).status_code == 403
        assert (await client.head(url, headers=NAVIGATION)).status_code == 200
        assert (await client.get(url, headers={"Host": "evil.example"})).status_code == 421
    assert (refused("foreign_origin"), refused("foreign_host")) == (before[0] + 1, before[1] + 1)


async def test_the_operators_endpoints_are_internal() -> None:
    port = free_port()
    async with (
        serve_ops(Health(started=True), "127.0.0.1", port, ["ops.example"]),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        for headers, status in (
            ({}, 200),
            ({"Host": "profile:9180"}, 200),
            ({"Host": "ops.example"}, 200),
            ({"Host": "evil.example"}, 421),
            ({"Origin": "http://evil.example"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            assert (await client.get("/livez", headers=headers)).status_code == status, headers
        assert (await client.get("/nothing")).json()["code"] == "not_found"
        assert (await client.post("/livez")).json()["code"] == "method_not_allowed"
