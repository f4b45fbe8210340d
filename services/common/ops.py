"""The operator's endpoints of every service, on a port of their own: /livez, /readyz, /metrics."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from services.common.connections import ConnectionLimits
from services.common.health import Health
from services.common.http import listen, serve_http
from services.common.internal import internal

log = structlog.get_logger()

MAX_CONNECTIONS = 64


def ops_app(health: Health) -> Starlette:
    """200/503 by `health`; metrics in the Prometheus text format."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        problems = await health.problems()
        body = {"ready": not problems, "problems": problems}
        return JSONResponse(body, status_code=503 if problems else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def refused(_: Request, error: Exception) -> Response:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        code = {404: "not_found", 405: "method_not_allowed"}.get(known.status_code, "http_error")
        return JSONResponse({"error": f"{known.detail}.", "code": code}, known.status_code, known.headers)

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    return Starlette(routes=routes, exception_handlers={HTTPException: refused})


def serve_ops(
    health: Health, host: str, port: int, allowed_hosts: Collection[str] = ()
) -> AbstractAsyncContextManager[None]:
    """Serve the endpoints while the context is open. Raises `PortTakenError`."""
    sock = listen(host, port)
    log.info("ops.listening", host=host, port=sock.getsockname()[1])
    return serve_http(
        internal(ops_app(health), allowed_hosts), sock, name="ops", limits=ConnectionLimits(MAX_CONNECTIONS)
    )
