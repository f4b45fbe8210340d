"""The operator's page and what it fetches: three files of ours, and the overview."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Request, Response

from services.dashboard.answers import Document, answer
from services.dashboard.limits import Limited
from services.dashboard.overview import Overviews

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
MAX_AGE_S = 60
_DIRECTORY = Path(__file__).parent / "page"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}


def page_routes(overviews: Overviews, limited: Limited) -> APIRouter:
    """Not part of the market API, and so not of its OpenAPI document."""
    router = APIRouter(include_in_schema=False)
    for path, (name, media_type) in _FILES.items():
        router.add_api_route(path, _file((_DIRECTORY / name).read_bytes(), media_type), methods=["GET"])

    @router.get("/v1/overview", dependencies=[limited.client])
    async def overview(request: Request) -> Response:
        return await answer(request, await overviews.document())

    return router


def _file(body: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    document = Document(body, MAX_AGE_S, media_type, {"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    async def serve(request: Request) -> Response:
        return await answer(request, document)

    return serve
