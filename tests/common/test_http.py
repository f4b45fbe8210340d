"""Serving HTTP inside our own lifecycle."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.common.http import PortTakenError, listen, serve_http


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
