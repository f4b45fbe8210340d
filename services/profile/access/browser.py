"""The question which page a request comes from."""

from collections.abc import Collection

from starlette.requests import HTTPConnection

from services.common.errors import ForbiddenError

_OWN_FETCH_SITES = frozenset({"same-origin", "none"})


def require_same_origin(connection: HTTPConnection, origins: Collection[str]) -> None:
    """Raises ForbiddenError when a page of another origin sent the request.

    `Origin` decides where there is one; else `Sec-Fetch-Site` (Fetch Metadata), where there is one. A request with
    neither comes from no browser page.
    """
    sent = connection.headers.getlist("origin")
    sites = connection.headers.getlist("sec-fetch-site")
    own = all(origin in origins for origin in sent) if sent else _OWN_FETCH_SITES.issuperset(sites)
    if not own:
        raise ForbiddenError("foreign_origin", "Requests from pages of other sites are refused here.")
