"""Serving HTTP inside our own lifecycle."""

import asyncio
import contextlib
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect

from services.common.http import USER_TIMEOUT_MS, PortTakenError, listen, serve_http
from services.common.protocol import GuardedProtocol


class Hasty(GuardedProtocol):
    head_timeout_s = 0.2


async def test_leaving_drains_the_open_requests() -> None:
    arrived, finish = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        arrived.set()
        await finish.wait()
        return PlainTextResponse("done")

    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        async with serve_http(Starlette(routes=[Route("/", slow)]), sock):
            answer = asyncio.create_task(client.get(url))
            await arrived.wait()
            asyncio.get_running_loop().call_later(0.05, finish.set)
        assert (await answer).text == "done"
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port)


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def cut_off(port: int, sent: bytes) -> bytes:
    """What a client that sends this, and then no more, receives until it is cut off; TimeoutError if it is not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            writer.write(sent)
            while chunk := await reader.read(65536):
                heard += chunk
    return heard


UNREAD_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome"


async def drip(writer: asyncio.StreamWriter) -> None:
    """The rest of a body, so slowly that it takes a minute."""
    for _ in range(96):
        writer.write(b".")
        await asyncio.sleep(0.6)


@pytest.mark.parametrize(
    ("sent", "status"), [(b"", b""), (b"G", b"HTTP/1.1 408"), (b"GET / HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408")]
)
async def test_a_client_that_does_not_finish_its_request_is_cut_off(sent: bytes, status: bytes) -> None:
    sock = listen("127.0.0.1", 0)
    async with serve_http(Starlette(routes=[Route("/", hello)]), sock, protocol=Hasty):
        assert (await cut_off(sock.getsockname()[1], sent))[:12] == status


async def test_the_next_request_must_arrive_in_time_too() -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    sock = listen("127.0.0.1", 0)
    async with serve_http(Starlette(routes=[Route("/", hello)]), sock, protocol=Hasty, timeout_keep_alive=600):
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        with contextlib.closing(writer):
            for _ in range(2):
                writer.write(request)
                assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            writer.write(request[:-1])
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(20):
                    assert (await reader.read()).startswith(b"HTTP/1.1 408")


async def test_an_unread_body_does_not_hold_a_connection() -> None:
    sock = listen("127.0.0.1", 0)
    route = Route("/", hello, methods=["POST"])
    async with serve_http(Starlette(routes=[route]), sock, protocol=Hasty), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(UNREAD_BODY)
        await reader.readuntil(b"hello")
        dripping = asyncio.create_task(drip(writer))
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        dripping.cancel()


async def test_who_waits_for_us_is_not_cut_off() -> None:
    arrived, finish = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        arrived.set()
        await finish.wait()
        return PlainTextResponse("done")

    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    routes = [Route("/", slow), WebSocketRoute("/ws", echo)]
    async with (
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        serve_http(Starlette(routes=routes), sock, protocol=Hasty, ws=WebSocketsSansIOProtocol),
        connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as websocket,
    ):
        answer = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await arrived.wait()
        await cut_off(port, b"")  # a whole limit passes
        finish.set()
        assert (await answer).text == "done"
        await websocket.send("still there")
        assert await websocket.recv() == "still there"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux only")
async def test_the_kernel_gives_up_clients_that_do_not_read() -> None:
    with listen("127.0.0.1", 0) as sock:
        sock.listen()
        with socket.create_connection(sock.getsockname()), sock.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == USER_TIMEOUT_MS
