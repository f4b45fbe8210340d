"""Requests whose client hangs up before it is answered: their work ends, and they count against no limit.

A page that is left, or a search that is typed on, gives up what it asked for; a person is not to meet a limit for that.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REFUNDS = "crypto_service.refunds"
"""Where in a scope the refunds of a request are: called if it is abandoned."""


class CancelAbandoned:
    """Middleware for requests without a body whose path begins with `prefix`: others pass as they are."""

    def __init__(self, app: ASGIApp, prefix: str = "/") -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        refunds: list[Callable[[], None]] = []
        scope[REFUNDS] = refunds
        answer = _Answer(send)
        work = asyncio.create_task(_work(self._app, scope, answer.send), name="request")
        gone = asyncio.create_task(_until_gone(receive), name="hang-up")
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                for refund in refunds if not answer.begun else ():
                    refund()
            with suppress(asyncio.CancelledError):
                await work
        finally:
            work.cancel()
            gone.cancel()


def refund_if_abandoned(scope: Scope, refund: Callable[[], None]) -> None:
    """Have `refund` called if the client of this request hangs up before it is answered."""
    scope.get(REFUNDS, []).append(refund)


class _Answer:
    """The way out, and whether anything has taken it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


async def _work(app: ASGIApp, scope: Scope, send: Send) -> None:
    requested = False

    async def receive() -> Message:
        nonlocal requested
        if requested:
            await asyncio.Event().wait()  # the end of the connection cancels us
        requested = True
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, send)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
