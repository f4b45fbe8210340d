"""Request bodies: JSON read exactly, and never more of it than is good for us.

Numbers become int or Decimal, so `0.123456789012345678` survives. Refused beyond the grammar of RFC 8259: duplicate
keys (two readers may see two values), NaN and Infinity (not JSON), numbers of absurd length, deep nesting.
"""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from services.common.errors import BodyTimeoutError, MalformedError, MediaTypeError, TooLargeError
from services.common.json_text import json_text
from services.market.decimals import parse_decimal

MAX_BODY_BYTES = 16 * 1024
BODY_TIMEOUT_S = 10.0
"""From the first read of a body to its last byte."""
_JSON_TYPE = re.compile(r"application/([\w.!#$&^-]+\+)?json")


def decode(body: bytes) -> Any:
    """The value of a JSON text, with exact numbers. Raises MalformedError."""
    try:
        text = json_text(body)
    except ValueError as error:
        raise MalformedError("invalid_json", "The request body is not UTF-8. Send it in that encoding.") from error
    try:
        return json.loads(
            text,
            parse_float=parse_decimal,
            parse_int=_parse_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_pairs,
        )
    except (ValueError, RecursionError) as error:
        raise MalformedError("invalid_json", "The request body is not valid JSON.") from error


def _parse_int(text: str) -> Decimal | int:
    number = parse_decimal(text)
    return int(number)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate key")
    return mapping


class ExactRequest(Request):
    """A request whose body is bounded in size and time, and whose JSON is exact."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = await self._read_bounded()
        return self._body

    async def json(self) -> Any:
        return decode(await self.body())

    async def _read_bounded(self) -> bytes:
        if int(self.headers.get("content-length", "0")) > MAX_BODY_BYTES:
            raise _too_large()
        chunks = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in self.stream():
                    chunks += chunk
                    if len(chunks) > MAX_BODY_BYTES:
                        raise _too_large()
        except TimeoutError as error:
            raise BodyTimeoutError("body_timeout", "The request body did not arrive in time.") from error
        except ClientDisconnect as error:
            raise MalformedError("incomplete_body", "The request body ended early.") from error
        return bytes(chunks)


class JsonRoute(APIRoute):
    """A route whose body, where it takes one, is JSON and is read as this module promises.

    The body is read before FastAPI does, which would turn our errors into one of its own.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_exactly(request: Request) -> Response:
            exact = ExactRequest(request.scope, request.receive)
            if await exact.body():
                _require_json(exact)
                await exact.json()
            return await handle(exact)

        return handle_exactly


def _require_json(request: Request) -> None:
    """Raises MediaTypeError for anything else. A browser form can post across origins without asking; JSON cannot.

    Without a media type the body counts as JSON where the request has an `Authorization` header, which no page can send
    across origins either, and where the cookie is not what it is believed by.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type and "authorization" in request.headers:
        return
    if not _JSON_TYPE.fullmatch(media_type):
        raise MediaTypeError("unsupported_media_type", "Send the body as JSON, with `Content-Type: application/json`.")


def _too_large() -> TooLargeError:
    return TooLargeError("body_too_large", f"The request body may have at most {MAX_BODY_BYTES} bytes.")
