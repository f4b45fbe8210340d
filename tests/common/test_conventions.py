"""HEAD, OPTIONS, Allow, and paths with a slash too many, over a real connection."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry, Histogram
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.common.asgi import Measured, SecurityHeaders
from services.common.conventions import HttpConventions, is_head
from services.common.docs_page import add_docs_page
from services.common.http import listen, serve_http
from services.common.json_text import json_text


def application() -> FastAPI:
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(SecurityHeaders), Middleware(HttpConventions)],
    )
    router = APIRouter(prefix="/v1")

    @router.get("/prices")
    async def prices(request: Request) -> Response:
        headers = {"ETag": '"1"', "X-Head": str(is_head(request.scope))}
        return Response(b"[1,2,3]", headers=headers, media_type="application/json")

    @router.delete("/prices")
    async def drop() -> Response:
        return Response(status_code=204)

    @router.post("/login")
    async def login(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def page(_: Request) -> Response:
        return PlainTextResponse("a page")

    app.include_router(router)
    app.router.routes.append(Route("/coin/{symbol}", page))
    app.router.routes.append(Route("/kept/", page))
    add_docs_page(app, "http://localhost")
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    sock = listen("127.0.0.1", 0)
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with (
        serve_http(application(), sock),
        httpx.AsyncClient(base_url=base, trust_env=False, timeout=20) as opened,
    ):
        yield opened


@pytest.mark.parametrize(
    "path", ["/v1/prices", "/v1/prices?a=b", "/coin/btcusdt", "/docs", "/openapi.json", "/nowhere"]
)
async def test_head_is_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    whole = await client.get(path)
    head = await client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    ignored = {"date", "x-head"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in whole.headers.items() if k not in ignored
    }
    assert int(head.headers["content-length"]) == len(whole.content) > 0
    assert (await client.get(path)).content == whole.content  # the connection is still in step


async def test_an_application_can_spare_itself_the_body(client: httpx.AsyncClient) -> None:
    assert (await client.head("/v1/prices")).headers["x-head"] == "True"
    assert (await client.get("/v1/prices")).headers["x-head"] == "False"


async def test_a_request_for_the_head_is_measured_by_its_route() -> None:
    registry = CollectorRegistry()
    seconds = Histogram("seconds", "", ["method", "route", "status"], registry=registry)
    transport = httpx.ASGITransport(Measured(application(), seconds))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.head("/v1/prices")
    labels = {"method": "HEAD", "route": "/v1/prices", "status": "200"}
    assert registry.get_sample_value("seconds_count", labels) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("POST", "/v1/prices", 405, "GET, HEAD, DELETE, OPTIONS"),
        ("BREW", "/v1/prices", 405, "GET, HEAD, DELETE, OPTIONS"),
        ("OPTIONS", "/v1/prices", 204, "GET, HEAD, DELETE, OPTIONS"),
        ("OPTIONS", "/coin/btcusdt", 204, "GET, HEAD, OPTIONS"),
        ("HEAD", "/v1/login", 405, "POST, OPTIONS"),
        ("OPTIONS", "/nowhere", 404, None),
        ("OPTIONS", "*", 404, None),
    ],
)
async def test_allow_names_the_methods_of_all_routes(
    client: httpx.AsyncClient, method: str, path: str, status: int, allowed: str | None
) -> None:
    request = client.build_request(method, path if path != "*" else "/*")
    answer = await client.send(request)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allowed)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/v1/prices/", "/v1/prices"),
        ("/v1/prices//", "/v1/prices"),
        ("/v1/prices/?symbols=a%2Cb&x=//evil", "/v1/prices?symbols=a%2Cb&x=//evil"),
        ("/coin/btcusdt/", "/coin/btcusdt"),
        ("/coin/%D0%B1%0D%0Ax/", "/coin/%D0%B1%0D%0Ax"),
        ("/docs/", "/docs"),
        ("/v1/prices%2F", None),
        ("/kept/", None),
        ("/", None),
        ("/nowhere/", None),
        ("//evil.example/", None),
        ("//evil.example/coin/x/", None),
        ("/\\evil.example/", None),
        ("/%2Fevil.example/", None),
        ("/%5Cevil.example/", None),
        ("/coin//evil.example/", None),
    ],
)
async def test_a_slash_too_many_leads_to_the_path_without(
    client: httpx.AsyncClient, path: str, location: str | None
) -> None:
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = await client.send(request)
    assert answer.headers.get("location") == location
    assert (answer.status_code == 308) is (location is not None)


async def test_a_body_goes_the_same_way(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/login/", content=b"sent", follow_redirects=True)
    assert answer.text == "sent"


@pytest.mark.parametrize("body", [b'{"a":1}', b'\xef\xbb\xbf{"a":1}'])
def test_json_is_utf8_with_or_without_a_mark(body: bytes) -> None:
    assert json_text(body) == '{"a":1}'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1251"])
def test_other_encodings_are_named_as_such(encoding: str) -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        json_text('"ы"'.encode(encoding))
