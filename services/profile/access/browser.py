"""What a browser adds: the refresh cookie, and the question which page a request comes from."""

from collections.abc import Collection
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.profile.errors import ForbiddenError

COOKIE = "refreshToken"
COOKIE_PATH = "/v1"

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN_FETCH_SITES = frozenset({"same-origin", "none"})


def require_same_origin(connection: HTTPConnection, origins: Collection[str]) -> None:
    """Raises ForbiddenError when a page of another origin sent the request.

    `Origin` decides where there is one; else `Sec-Fetch-Site` (Fetch Metadata), where there is one. A request with
    neither comes from no browser page.
    """
    origin = connection.headers.get("origin")
    fetch_site = connection.headers.get("sec-fetch-site", "none")
    own = fetch_site in _OWN_FETCH_SITES if origin is None else origin in origins
    if not own:
        raise ForbiddenError("foreign_origin", "Requests from pages of other sites are refused here.")


def set_refresh_cookie(response: Response, token: str, *, max_age_s: int, secure: bool) -> None:
    """Hand the refresh token to the browser, out of reach of scripts and of other sites."""
    response.set_cookie(
        COOKIE, token, max_age=max_age_s, path=COOKIE_PATH, httponly=True, samesite="strict", secure=secure
    )


def clear_refresh_cookie(response: Response, *, secure: bool) -> None:
    response.delete_cookie(COOKIE, path=COOKIE_PATH, httponly=True, samesite="strict", secure=secure)


def cookie_is_secure(connection: HTTPConnection, rule: Literal["auto", "always", "never"]) -> bool:
    """Whether the cookie is for encrypted connections alone. `auto`: everywhere but on localhost over plain HTTP."""
    if rule != "auto":
        return rule == "always"
    return connection.url.scheme == "https" or connection.url.hostname not in _LOCAL_HOSTS
