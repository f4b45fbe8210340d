"""The error answers of this service, and the bound of its request bodies."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.aggregator import metrics
from services.common.error_answers import ErrorAnswers

MAX_BODY_BYTES = 512 * 1024
"""The largest allowed set of symbols fits twice."""

BODY_TIMEOUT_S = 5.0
"""The longest wait for the next part of a body."""

ANSWERS = ErrorAnswers(
    metrics.ERRORS,
    {
        408: ("body_stalled", "The body did not arrive."),
        413: ("body_too_large", f"The body may have at most {MAX_BODY_BYTES} bytes."),
    },
)


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
