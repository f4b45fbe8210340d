"""A client that hangs up: what was begun for it ends, and it has spent nothing."""

import asyncio
import contextlib

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.common.abandoned import CancelAbandoned, refund_if_abandoned
from services.common.client_limits import ClientLimit
from services.common.http import listen, serve_http
from tests.processes import until


class Slow:
    """Answers when it is allowed to; `begun` and `ended` count its requests."""

    def __init__(self) -> None:
        self.limit = ClientLimit("2/hour")
        self.allowed = asyncio.Event()
        self.head_first = False
        self.begun = self.ended = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait_s = self.limit.spend(scope["client"][0])
        refund_if_abandoned(scope, lambda: self.limit.refund(scope["client"][0]))
        if wait_s:
            await _answer(send, 429)
            return
        self.begun += 1
        try:
            if self.head_first:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            await self.allowed.wait()
            await _answer(send, 200)
        finally:
            self.ended += 1


async def _answer(send: Send, status: int) -> None:
    messages: list[Message] = [
        {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]},
        {"type": "http.response.body", "body": b""},
    ]
    for message in messages:
        await send(message)


async def hang_up(port: int, app: Slow) -> None:
    """Ask, and close the connection once the work has begun."""
    before = app.ended
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: app.begun > before, what="the work has begun")
    if app.head_first:
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await until(lambda: app.ended > before, what="the work has ended")


async def status(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


@contextlib.asynccontextmanager
async def serving(app: Slow):  # type: ignore[no-untyped-def]
    sock = listen("127.0.0.1", 0)
    async with serve_http(CancelAbandoned(app), sock):
        yield sock.getsockname()[1]


async def test_what_is_abandoned_ends_and_does_not_count() -> None:
    app = Slow()
    async with serving(app) as port:
        for _ in range(5):
            await hang_up(port, app)
        app.allowed.set()
        assert [await status(port) for _ in range(3)] == [200, 200, 429]


async def test_an_answer_that_has_begun_counts() -> None:
    app = Slow()
    app.head_first = True
    async with serving(app) as port:
        await hang_up(port, app)
        await hang_up(port, app)
        assert await status(port) == 429


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "http", "method": "POST", "path": "/v1/x"},
        {"type": "http", "method": "DELETE", "path": "/v1/x"},
        {"type": "http", "method": "GET", "path": "/v2/x"},
        {"type": "websocket", "path": "/v1/x"},
    ],
    ids=lambda scope: f"{scope.get('method')} {scope['path']}",
)
async def test_what_may_change_something_is_never_cut_and_passes_as_it_is(scope: Scope) -> None:
    passed: list[object] = []

    async def app(*given: object) -> None:
        passed.extend(given)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None: ...

    await CancelAbandoned(app, prefix="/v1/")(scope, receive, send)
    assert passed == [scope, receive, send]
