"""Servers that are for programs and operators, not for the pages of other sites that an operator's browser shows.

Such a page can send requests to all that the browser reaches, and read the answers once its own name resolves to our
address (DNS rebinding). A browser's request names the page's origin (`Origin`, Fetch Metadata) and the server (`Host`).
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.connections import Refusals

_FOREIGN_SITES = frozenset({"cross-site", "same-site"})


def is_own_host(host: str | None, allowed: Collection[str] = ()) -> bool:
    """Whether a `Host` is a name that no stranger can give to an address of ours.

    An IP address, localhost, a name without a dot (of a container, of a machine in a private network), or one of
    `allowed`. Programs of HTTP/1.0 send none.
    """
    if host is None:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    if name in allowed or name.endswith(".localhost"):
        return True
    return bool(name) and ("." not in name.replace(":", ".") or _is_address(name))


def is_own_origin(headers: Headers) -> bool:
    """Whether a request was sent by no page, or by one of the very server that it is for."""
    host = headers.get("host", "").lower()
    if any(origin.partition("://")[2].lower() != host for origin in headers.getlist("origin")):
        return False
    return _FOREIGN_SITES.isdisjoint(site.lower() for site in headers.getlist("sec-fetch-site"))


class OwnHosts:
    """Refuses requests that were sent to a name which is not ours."""

    def __init__(self, app: ASGIApp, allowed: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)
        self._refusals = Refusals("internal")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_own_host(Headers(scope=scope).get("host"), self._allowed):
            self._refusals.count("foreign_host")
            sentence = "This server has no such name. Use its address, or add the name to ALLOWED_HOSTS."
            await JSONResponse({"error": sentence, "code": "foreign_host"}, 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class OwnOrigin:
    """Refuses requests that a page of another origin has sent.

    With `pages`, links of other sites may lead here: who follows one sees a page, and the other site learns nothing.
    """

    def __init__(self, app: ASGIApp, *, pages: bool = False) -> None:
        self._app = app
        self._pages = pages
        self._refusals = Refusals("internal")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if is_own_origin(headers) or (self._pages and _navigates(scope, headers)):
            await self._app(scope, receive, send)
            return
        self._refusals.count("foreign_origin")
        sentence = "Requests from pages of other sites are refused here."
        await JSONResponse({"error": sentence, "code": "foreign_origin"}, 403)(scope, receive, send)


def internal(app: ASGIApp, allowed_hosts: Collection[str] = (), *, pages: bool = False) -> ASGIApp:
    """`app` behind both."""
    return OwnHosts(OwnOrigin(app, pages=pages), allowed_hosts)


def _navigates(scope: Scope, headers: Headers) -> bool:
    return (
        scope["method"] in ("GET", "HEAD")
        and "origin" not in headers
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
