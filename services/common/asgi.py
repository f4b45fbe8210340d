"""Middleware of a public service's HTTP answers: measuring, security headers, and the last resort for faults."""

import time
from collections.abc import Callable, Collection, Mapping

import structlog
from prometheus_client import Histogram
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""For answers that set none of their own: right for JSON; a page sets what it needs beyond."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


HSTS = "max-age=31536000"
"""Strict-Transport-Security for a year, of this host alone: what stands beside it is not ours to decide."""


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` where the answer has not decided itself, and `HSTS` where the request was encrypted.

    It was by its scheme, which a trusted proxy may state, or if `origins` names its host with https.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        self._app = app
        self._encrypted_hosts = {
            origin.removeprefix("https://").encode() for origin in origins if origin.startswith("https://")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encrypted = scope.get("scheme") == "https" or any(
            name == b"host" and value.lower() in self._encrypted_hosts for name, value in scope.get("headers", ())
        )

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if encrypted:
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self._app(scope, receive, send_guarded)


class Measured:
    """Times each HTTP request by method, route template (paths themselves are unbounded) and status."""

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0  # no answer: the client went away

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            labels = (_method(scope), getattr(scope.get("route"), "path", "none"), str(status))
            self._seconds.labels(*labels).observe(time.perf_counter() - started)


class LastResort:
    """Answers a request whose handling raised an unexpected error, and logs the error once, with its stack."""

    def __init__(self, app: ASGIApp, answer: Callable[[], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception:  # the last resort: for any failure the client gets an answer in our shape
            log.exception("request.failed", method=_method(scope), path=scope["path"])
            if not started:
                await self._answer()(scope, receive, send)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "other"
