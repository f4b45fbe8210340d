"""FastAPI routes whose bodies are JSON in UTF-8."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.common.json_text import json_text


class Utf8JsonRoute(APIRoute):
    """A route that takes a byte-order mark for what it is, and no other encoding: FastAPI would guess one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_utf8(request: Request) -> Response:
            return await handle(_Utf8Request(request.scope, request.receive))

        return handle_utf8


class _Utf8Request(Request):
    async def json(self) -> Any:
        """Raises JSONDecodeError, which FastAPI answers as any body that is no JSON."""
        try:
            text = json_text(await self.body())
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        return json.loads(text)
