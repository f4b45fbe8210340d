"""Errors of HTTP requests, all in one shape: `{"error": <sentence>, "code": <slug>}`, and `near` where it helps."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.aggregator.errors import AggregatorError, UnknownSymbolError
from services.aggregator.schemas import ErrorAnswer, UnknownSymbolAnswer

log = structlog.get_logger()

MAX_BODY_BYTES = 512 * 1024
"""The largest allowed set of symbols fits twice."""

BODY_TIMEOUT_S = 5.0
"""The longest wait for the next part of a body."""

_HTTP_ERRORS = {
    400: ("invalid_json", "The body is not JSON in UTF-8."),
    404: ("not_found", "There is nothing here; the routes are described at /docs."),
    405: ("method_not_allowed", "This route does not know that method; the routes are described at /docs."),
    408: ("body_stalled", "The body did not arrive."),
    413: ("body_too_large", f"The body may have at most {MAX_BODY_BYTES} bytes."),
}


def install_error_answers(app: FastAPI) -> None:
    """Answer every error of a route, and of the routing itself, in our shape."""

    @app.exception_handler(AggregatorError)
    async def on_refusal(_: Request, error: AggregatorError) -> Response:
        extra = {"near": error.near} if isinstance(error, UnknownSymbolError) else {}
        return _answer(error.status, error.code, str(error), extra)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        if problem["type"] == "json_invalid":
            return _http_answer(400)
        return _answer(422, "invalid_request", _sentence(problem))

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> Response:
        return _http_answer(error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def on_fault(_: Request, error: Exception) -> Response:
        log.error("request.failed", exc_info=error)
        return _answer(500, "internal", "Something went wrong on our side; try again.")


class BodyLimit:
    """Ends a request whose body is larger than `MAX_BODY_BYTES` (413, before it is read whole) or stalls (408)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen_bytes = 0

        async def receive_counted() -> Message:
            nonlocal seen_bytes
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408) from error
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_counted, send)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that can fail with `statuses`."""
    return {status: {"model": UnknownSymbolAnswer if status == 404 else ErrorAnswer} for status in statuses}


def _http_answer(status: int, headers: Mapping[str, str] | None = None) -> Response:
    code, sentence = _HTTP_ERRORS.get(status, ("http_error", "The request cannot be answered."))
    return _answer(status, code, sentence, headers=headers)


def _sentence(problem: dict[str, Any]) -> str:
    """One validation problem in words, without the input."""
    where = ".".join(str(part) for part in problem["loc"][1:]) or str(problem["loc"][0])
    return f"{where}: {problem['msg']}."


def _answer(
    status: int,
    code: str,
    sentence: str,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return JSONResponse({"error": sentence, "code": code, **(extra or {})}, status, headers)
