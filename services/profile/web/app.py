"""The web app at `/`: the bundle's files, and its page at every path that is a page of the app.

The directory may be filled, or filled anew, while the service runs: the page is looked at on each request, and when it
has changed the bundle is read again. Until there is one, a small page explains how to get it; the API runs regardless.
"""

import asyncio
from pathlib import Path

import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.errors import NotFoundError
from services.profile.web.bundle import Bundle, BundleError, BundleFile, choose_form, load_bundle

log = structlog.get_logger()

PAGES = ("/", "/login", "/register", "/account", "/market", "/coin/{symbol}")
"""The app's own pages, as web/src/lib/router.svelte.ts knows them."""
FILES = ("/assets/{name}", "/icons/{name}", "/sw.js", "/manifest.webmanifest", "/favicon.svg")

_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Crypto-Service</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="3"><h1>The web app is not here yet</h1>
<p><code>make run</code> builds it where Node.js 20.19 or newer is installed (<a href="https://nodejs.org/">nodejs.org</a>,
or your system's packages), which takes half a minute the first time. This page shows it as soon as it is there.</p>
<p>The API runs already: <a href="/docs">/docs</a>.</p></html>
"""

Signature = tuple[int, int, int]


class WebApp:
    """Serves the bundle in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bundle: Bundle | None = None
        self._signature: Signature | None = None
        self._reading = asyncio.Lock()
        self._otherwise: ASGIApp

    def install(self, api: FastAPI) -> None:
        """Add the app's routes."""
        for path in PAGES:
            api.router.routes.append(Route(path, self._page, methods=["GET"], include_in_schema=False))
        for path in FILES:
            api.router.routes.append(Route(path, self._file, methods=["GET"], include_in_schema=False))
        self._otherwise = api.router.default
        api.router.default = self._unknown

    async def _page(self, request: Request) -> Response:
        bundle = await self._current()
        if bundle is None:
            return HTMLResponse(_MISSING, 503, {"Retry-After": "3"})
        return _answer(request, bundle, bundle.files["/"])

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's page, which shows that there is none such, for a browser that navigates; 404 as JSON otherwise."""
        bundle = await self._current() if scope["type"] == "http" and _wants_page(Request(scope)) else None
        if bundle is None:
            await self._otherwise(scope, receive, send)
            return
        headers = {
            "Content-Security-Policy": bundle.content_security_policy,
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        page = bundle.files["/"]
        await Response(page.forms["identity"], 404, headers, media_type=page.media_type)(scope, receive, send)

    async def _file(self, request: Request) -> Response:
        bundle = await self._current()
        file = bundle.files.get(request.url.path) if bundle else None
        if bundle is None or file is None:
            raise NotFoundError("not_found", "There is no such file in this version of the web app.")
        return _answer(request, bundle, file)

    async def _current(self) -> Bundle | None:
        if _signature(self._directory) not in (None, self._signature):
            async with self._reading:
                await self._read_again()
        return self._bundle

    async def _read_again(self) -> None:
        """Keep what we had when the new one cannot be read: it may be in the middle of being put there."""
        signature = _signature(self._directory)
        if signature == self._signature:
            return  # another request has just read it
        try:
            self._bundle = await asyncio.to_thread(load_bundle, self._directory)
        except (BundleError, OSError, UnicodeDecodeError) as error:
            log.warning("web_app.unreadable", error=str(error))
            return
        self._signature = signature
        log.info("web_app.loaded", files=len(self._bundle.files))


def _wants_page(request: Request) -> bool:
    return (
        request.method == "GET"
        and "text/html" in request.headers.get("accept", "")
        and request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _signature(directory: Path) -> Signature | None:
    try:
        found = (directory / "index.html").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _answer(request: Request, bundle: Bundle, file: BundleFile) -> Response:
    encoding, content = choose_form(file, request.headers.get("accept-encoding", ""))
    etag = f'"{file.etag}-{encoding}"'
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if file.immutable else "no-cache",
        "Content-Security-Policy": bundle.content_security_policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": etag,
        "Vary": "Accept-Encoding",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return Response(content, 200, headers, media_type=file.media_type)
