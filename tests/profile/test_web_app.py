"""The web app as profile serves it: one page under its own policy, files that may be kept for ever, and no way out."""

import asyncio
import gzip
import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware

from services.common.asgi import SecurityHeaders
from services.profile.answers import ANSWERS
from services.profile.web.app import PAGES, WebApp
from services.profile.web.bundle import MAX_BUNDLE_BYTES, BundleError, load_bundle

SCRIPT = "\n  document.title = 'x';\n"
PAGE = f'<!doctype html><script>{SCRIPT}</script><script type="module" src="/assets/app-1.js"></script>'
CODE = "console.log('a line that is long enough to be worth compressing')\n" * 40
ROUTER = Path(__file__).parents[2] / "web" / "src" / "lib" / "router.svelte.ts"


def write_bundle(directory: Path, page: str = PAGE) -> None:
    (directory / "assets").mkdir(parents=True, exist_ok=True)
    (directory / "assets" / "app-1.js").write_text(CODE)
    (directory / "assets" / "app-1.js.gz").write_bytes(gzip.compress(CODE.encode()))
    (directory / "assets" / "app-1.js.br").write_bytes(b"as if it were brotli")
    (directory / "sw.js").write_text("self.x = 1")
    (directory / "index.html").write_text(page)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "dist")
    return tmp_path / "dist"


@pytest.fixture
async def browser(directory: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that serves `directory` as profile does."""
    async with _client(directory) as client:
        yield client


def _client(directory: Path) -> httpx.AsyncClient:
    api = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False, middleware=[Middleware(SecurityHeaders)])
    ANSWERS.install(api)
    WebApp(directory).install(api)
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost")


async def test_every_page_of_the_app_is_the_one_page(browser: httpx.AsyncClient) -> None:
    for path in PAGES:
        answer = await browser.get(path.replace("{symbol}", "btcusdt"))
        assert (answer.status_code, answer.text) == (200, PAGE)
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_page_may_run_its_own_script_and_no_other_inline_one(browser: httpx.AsyncClient) -> None:
    headers = (await browser.get("/")).headers
    digest = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


async def test_pages_of_the_app_are_those_of_its_router() -> None:
    known = set(re.findall(r"'(/[a-z]*)':", ROUTER.read_text()))
    assert known | {"/coin/{symbol}"} == set(PAGES)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v2/coin", "/portfolio", "/coin/", "/coin/a/b", "/login/"])
async def test_other_paths_are_not_the_page(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_files_with_a_hash_are_kept_for_ever_and_others_asked_for_again(browser: httpx.AsyncClient) -> None:
    asset = await browser.get("/assets/app-1.js", headers={"Accept-Encoding": "identity"})
    assert asset.text == CODE
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await browser.get("/sw.js")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("*", "br"),
        ("", None),
        ("identity", None),
        ("br;q=nonsense, gzip;q=0.5", "gzip"),
    ],
)
async def test_the_smallest_form_that_the_client_takes(
    browser: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    # HEAD: the client here would unpack the body, and ours is none.
    answer = await browser.head("/assets/app-1.js", headers={"Accept-Encoding": accepted})
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_what_the_client_has_is_not_sent_again(browser: httpx.AsyncClient) -> None:
    first = await browser.get("/assets/app-1.js", headers={"Accept-Encoding": "gzip"})
    assert first.text == CODE
    again = {"If-None-Match": first.headers["etag"]}
    same = await browser.get("/assets/app-1.js", headers={"Accept-Encoding": "gzip"} | again)
    assert (same.status_code, same.content) == (304, b"")
    other_form = await browser.get("/assets/app-1.js", headers={"Accept-Encoding": "identity"} | again)
    assert other_form.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/assets/../../secret", "/assets/..%2f..%2fsecret", "/assets/%2e%2e/secret", "/icons/..\\secret", "/assets/link"],
)
async def test_nothing_outside_the_bundle_can_be_asked_for(directory: Path, path: str) -> None:
    (directory.parent / "secret").write_text("secret")
    (directory / "assets" / "link").symlink_to(directory.parent / "secret")
    async with _client(directory) as browser:
        answer = await browser.send(
            browser.build_request("GET", httpx.URL("http://localhost").copy_with(raw_path=path.encode()))
        )
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_only_get_and_head(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_a_page_explains_how_to_get_the_app_until_it_is_there(tmp_path: Path) -> None:
    async with _client(tmp_path / "later") as browser:
        missing = await browser.get("/")
        assert missing.status_code == 503
        assert "Node.js" in missing.text
        assert (await browser.get("/assets/app-1.js")).status_code == 404
        write_bundle(tmp_path / "later")
        assert (await browser.get("/")).text == PAGE


async def test_a_new_bundle_takes_the_place_of_the_old(directory: Path, browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/")).text == PAGE
    write_bundle(directory, PAGE + "<p>new")
    pages = await asyncio.gather(*(browser.get("/") for _ in range(5)))
    assert {page.text for page in pages} == {PAGE + "<p>new"}


async def test_the_old_bundle_serves_while_there_is_no_good_new_one(
    directory: Path, browser: httpx.AsyncClient
) -> None:
    assert (await browser.get("/")).status_code == 200
    (directory / "index.html").write_bytes(b"\xff\xfe no text")
    assert (await browser.get("/")).text == PAGE
    (directory / "index.html").unlink()
    assert (await browser.get("/")).text == PAGE


def test_a_directory_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no index\.html"):
        load_bundle(tmp_path)
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(MAX_BUNDLE_BYTES + 1)
    with pytest.raises(BundleError, match="more than"):
        load_bundle(tmp_path)


async def test_an_unknown_path_is_the_page_for_a_browser_and_an_error_for_a_program(browser: httpx.AsyncClient) -> None:
    navigation = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
    for path in ("/nowhere", "/coin/btcusdt/more", "/v1/nowhere"):
        page = await browser.get(path, headers=navigation)
        assert (page.status_code, page.text) == (404, PAGE)
        assert "sha256-" in page.headers["content-security-policy"]
        assert "etag" not in page.headers
        for headers in ({}, {"Accept": "application/json"}, navigation | {"Sec-Fetch-Mode": "cors"}):
            answer = await browser.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await browser.post("/nowhere", headers=navigation)).json()["code"] == "not_found"
