"""Answers of every resource beside its routes' methods: HEAD, OPTIONS, a whole `Allow`, and its path with a slash.

FastAPI's routes know only the methods they were declared with.
"""

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HEAD_EXTENSION = "crypto_service.head"
"""In the scope's extensions: no body will be sent, so that none need be fetched."""


class HttpConventions:
    """Middleware directly around the router of a Starlette or FastAPI application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (location := _without_slash(scope)) is not None:
            await Response(status_code=308, headers={"Location": location})(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._head(scope, receive, send)
        elif scope["method"] == "OPTIONS" and (allowed := allowed_methods(scope, scope["path"])):
            await Response(status_code=204, headers={"Allow": _header(allowed)})(scope, receive, send)
        else:
            await self._app(scope, receive, _with_whole_allow(scope, send))

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As GET. The server, which knows the request's own method, sends no body."""
        extensions = {**scope.get("extensions", {}), HEAD_EXTENSION: {}}
        as_get = {**scope, "method": "GET", "extensions": extensions}
        try:
            await self._app(as_get, receive, _with_whole_allow(scope, send))
        finally:
            if "route" in as_get:  # for what measures requests by route
                scope["route"] = as_get["route"]


def is_head(scope: Scope) -> bool:
    """Whether the request, which the application sees as GET, is for the head of the answer alone."""
    return HEAD_EXTENSION in scope.get("extensions", {})


def allowed_methods(scope: Scope, path: str) -> list[str]:
    """The methods that `path` has a route for; HEAD where there is GET."""
    router: Router = scope["app"].router
    plain = {key: value for key, value in scope.items() if key != "fastapi"}

    def has_route(method: str) -> bool:
        probe = {**plain, "method": method, "path": path}
        return any(route.matches({**probe, "fastapi": {}})[0] is Match.FULL for route in router.routes)

    found = [method for method in METHODS if has_route(method)]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] and "HEAD" not in found else found


def _without_slash(scope: Scope) -> str | None:
    """Where a path with a slash too many leads, as a reference that cannot leave this origin; None where it is none."""
    path: str = scope["path"]
    raw: bytes = scope["raw_path"]
    if not raw.endswith(b"/") or raw[1:2] in b"/\\":  # the latter also for `/` alone
        return None
    if allowed_methods(scope, path) or not allowed_methods(scope, path.rstrip("/")):
        return None
    query = scope["query_string"]
    return (raw.rstrip(b"/") + (b"?" + query if query else b"")).decode("latin-1")


def _with_whole_allow(scope: Scope, send: Send) -> Send:
    """`send`, but a 405 names the methods of all routes of the path, not of the first one that fits."""

    async def send_whole(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:
            MutableHeaders(scope=message)["Allow"] = _header(allowed_methods(scope, scope["path"]))
        await send(message)

    return send_whole


def _header(methods: list[str]) -> str:
    return ", ".join([*methods, "OPTIONS"])
