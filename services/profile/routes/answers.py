"""Turns whatever went wrong into the one shape of error: `{"error": <sentence>, "code": <slug>}`. Once, here."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services.profile import metrics
from services.profile.errors import ApiError
from services.profile.routes.schemas import ErrorAnswer

_HTTP_ERRORS = {
    404: ("not_found", "There is nothing here. The routes are described at /docs."),
    405: ("method_not_allowed", "This route does not know that method. The routes are described at /docs."),
}


def error_response(error: ApiError) -> Response:
    """The answer to a request that failed with `error`."""
    return _answer(error.status, error.code, error.sentence, dict(error.extra), dict(error.headers))


def internal_error_response() -> Response:
    """The answer when the fault is ours and unforeseen."""
    return _answer(500, "internal_error", "Something went wrong on our side. Try again.")


def install_error_answers(app: FastAPI) -> None:
    """Answer every error of a route, and of the routing itself, in our shape."""

    @app.exception_handler(ApiError)
    async def on_api_error(_: Request, error: ApiError) -> Response:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(_: Request, error: RequestValidationError) -> Response:
        return _answer(422, "invalid_request", _sentence(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> Response:
        code, sentence = _HTTP_ERRORS.get(error.status_code, ("http_error", "The request cannot be answered."))
        return _answer(error.status_code, code, sentence, headers=dict(error.headers or {}))


def documented(*statuses: int, **models: type[ErrorAnswer]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that can fail with `statuses`; `s404=Model` gives one a model of its own."""
    own = {int(name.removeprefix("s")): model for name, model in models.items()}
    return {status: {"model": own.get(status, ErrorAnswer)} for status in sorted({*statuses, *own})}


def _sentence(problem: dict[str, Any]) -> str:
    """One validation problem in words. Never the input: it may be a password."""
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path"))
    if problem["type"] == "missing":
        return f"{where}: is missing." if where else "A JSON body is needed; /docs shows an example."
    return f"{where or 'body'}: {problem['msg']}."


def _answer(
    status: int,
    code: str,
    sentence: str,
    extra: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    metrics.ERRORS.labels(code).inc()
    return JSONResponse({"error": sentence, "code": code, **(extra or {})}, status, headers)
