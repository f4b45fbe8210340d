"""Errors as answers, in one shape: `{"error": <sentence>, "code": <slug>}`. The one place where that happens."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services.common.errors import ApiError

_HTTP_ERRORS = {
    400: ("invalid_json", "The body is not JSON in UTF-8."),
    404: ("not_found", "There is nothing here. The routes are described at /docs."),
    405: ("method_not_allowed", "This route does not know that method. The routes are described at /docs."),
}


class ErrorAnswer(BaseModel):
    model_config = ConfigDict(extra="allow")

    error: str = Field(examples=["The access token has expired. Refresh it."], description="For a person.")
    code: str = Field(examples=["token_expired"], description="For a program: stable.")


class ErrorAnswers:
    """Error answers of one service, counted by slug in `errors`. `http_errors` adds to what a status means."""

    def __init__(self, errors: Counter, http_errors: Mapping[int, tuple[str, str]] | None = None) -> None:
        self._errors = errors
        self._http_errors = _HTTP_ERRORS | dict(http_errors or {})

    def response(self, error: ApiError) -> Response:
        """The answer to a request that failed with `error`."""
        return self._answer(error.status, error.code, error.sentence, error.extra, error.headers)

    def internal(self) -> Response:
        """The answer when the fault is ours and unforeseen."""
        return self._answer(500, "internal_error", "Something went wrong on our side. Try again.")

    def install(self, app: FastAPI) -> None:
        """Answer every error of a route, and of the routing itself, in our shape."""

        @app.exception_handler(ApiError)
        async def on_api_error(_: Request, error: ApiError) -> Response:
            return self.response(error)

        @app.exception_handler(RequestValidationError)
        async def on_invalid_request(_: Request, error: RequestValidationError) -> Response:
            problem = error.errors()[0]
            if problem["type"] == "json_invalid":
                return self._http_answer(400)
            return self._answer(422, "invalid_request", _sentence(problem))

        @app.exception_handler(HTTPException)
        async def on_http_error(_: Request, error: HTTPException) -> Response:
            return self._http_answer(error.status_code, error.headers)

    def _http_answer(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        code, sentence = self._http_errors.get(status, ("http_error", "The request cannot be answered."))
        return self._answer(status, code, sentence, headers=headers)

    def _answer(
        self,
        status: int,
        code: str,
        sentence: str,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        self._errors.labels(code).inc()
        return JSONResponse({"error": sentence, "code": code, **(extra or {})}, status, headers)


def documented(*statuses: int, **models: type[ErrorAnswer]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that can fail with `statuses`; `s404=Model` gives one a model of its own."""
    own = {int(name.removeprefix("s")): model for name, model in models.items()}
    return {status: {"model": own.get(status, ErrorAnswer)} for status in sorted({*statuses, *own})}


def _sentence(problem: Mapping[str, Any]) -> str:
    """One validation problem in words. Never the input: it may be a password."""
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path"))
    if problem["type"] == "missing":
        return f"{where}: is missing." if where else "A JSON body is needed; /docs shows an example."
    return f"{where or 'body'}: {problem['msg']}."
