"""The processes that bench/live.py measures, each a function to be run in a process of its own.

Each reports its port (or that it is ready) through `pipe`, and ends when the pipe closes.
"""

import asyncio
import contextlib
import random
import resource
import select
import socket
import time
from dataclasses import replace
from decimal import Decimal
from multiprocessing.connection import Connection

import uvloop
from starlette.types import Receive, Scope, Send

from services.common.connections import ConnectionLimits, max_public_connections
from services.common.http import listen, serve_http
from services.common.revocations import Bearer
from services.profile.live import metrics
from services.profile.live.limits import LiveLimits
from services.profile.live.manager import ConnectionManager
from services.profile.live.push import WEBSOCKET_OPTIONS, PushProtocol, text_frame
from services.profile.live.viewers import Detail
from services.profile.portfolio.rules import Portfolio

SYMBOLS = [f"coin{number:03d}usdt" for number in range(100)]
LEG = "eurusdt"
"""The pair by which a total in EUR is converted; no portfolio holds it."""
COINS = 10
_BATCH = 100
_MARK = b'"UpdatedAt":'
_TIME_DIGITS = 13
_PING = b"\x89\x04"
"""uvicorn's keep-alive: four bytes of payload. Documents are ASCII: nothing else looks like it."""
_EMPTY_MASK_PONG = b"\x8a\x84\0\0\0\0"


def raise_file_limit() -> None:
    """As many open sockets as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def portfolio_of(user_id: int) -> Portfolio:
    """Ten coins of a hundred, with quantities of up to eight places; the same for the same user."""
    draw = random.Random(user_id)
    quantities = {
        symbol: Decimal(draw.randint(1, 10**10)).scaleb(-draw.randint(0, 8)) for symbol in draw.sample(SYMBOLS, COINS)
    }
    return Portfolio(user_id, f"user{user_id}", quantities)


def serve_engine(redis_url: str, currency: str, detail: Detail, pipe: Connection) -> None:
    """The live engine behind uvicorn, as the profile service runs it; `/?<user id>` is a websocket of that user.

    All portfolios are valued in `currency`, all documents are in `detail`.
    """
    raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_engine(redis_url, currency, detail, pipe))


async def _serve_engine(redis_url: str, currency: str, detail: Detail, pipe: Connection) -> None:
    async def load(user_id: int) -> Portfolio:
        return replace(portfolio_of(user_id), currency=currency)

    manager = ConnectionManager(redis_url, load, LiveLimits(admission_timeout_s=60))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        bearer = Bearer(int(scope["query_string"]), None, None)
        await manager.serve(scope, receive, send, bearer=bearer, subprotocol=None, detail=detail)

    sock = listen("127.0.0.1", 0)
    limits = ConnectionLimits(max_public_connections())
    async with manager.running(), serve_http(app, sock, ws=PushProtocol, limits=limits, **WEBSOCKET_OPTIONS):
        pipe.send(sock.getsockname()[1])
        await _answer(pipe)


def serve_floor(frame_bytes: int, pipe: Connection) -> None:
    """The least that sending can cost: accept, then send one ready frame over every connection whenever asked to."""
    raise_file_limit()
    frame = text_frame(_MARK + b"0" * _TIME_DIGITS + b"x" * (frame_bytes - len(_MARK) - _TIME_DIGITS - 4))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        pipe.send(server.getsockname()[1])
        connections = [_accept(server) for _ in range(pipe.recv())]
        with contextlib.suppress(EOFError):
            while True:
                marked = frame.replace(b"0" * _TIME_DIGITS, b"%013d" % pipe.recv())
                before_s = time.process_time()
                for connection in connections:
                    connection.send(marked)
                pipe.send(time.process_time() - before_s)


def _accept(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.settimeout(0)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_all(port: int, clients: int, pipe: Connection) -> None:
    """Hold `clients` connections; asked for a tick, report how many have it and when (Unix time, s) the last got it."""
    raise_file_limit()
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    for start in range(0, clients, _BATCH):
        for sock in _connect(port, range(start + 1, min(start + _BATCH, clients) + 1)):
            sock.settimeout(0)
            sockets[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN)
    poll.register(pipe, select.EPOLLIN)
    pipe.send("connected")
    with contextlib.suppress(EOFError):
        _count(poll, sockets, pipe)


def _connect(port: int, users: range) -> list[socket.socket]:
    sockets = []
    for user_id in users:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(
            b"GET /?%d HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" % user_id
        )
        sockets.append(sock)
    return sockets


def _count(poll: select.epoll, sockets: dict[int, socket.socket], pipe: Connection) -> None:
    seen: dict[int, tuple[int, float]] = {}
    while True:
        for fileno, _ in poll.poll():
            sock = sockets.get(fileno)
            if sock is None:
                tick = pipe.recv()
                pipe.send(seen.get(tick, (0, 0.0)))
                continue
            data = sock.recv(65536)
            if (ping := data.find(_PING)) >= 0:
                sock.send(_EMPTY_MASK_PONG + data[ping + 2 : ping + 6])
            at = data.rfind(_MARK)
            text = data[at + len(_MARK) : at + len(_MARK) + _TIME_DIGITS]
            if at >= 0 and text.isdigit():
                tick = int(text)
                seen[tick] = (seen.get(tick, (0, 0.0))[0] + 1, time.time())


async def _answer(pipe: Connection) -> None:
    """Report, as often as asked, this process's CPU seconds and the documents sent; return when the pipe closes."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    loop.add_reader(pipe.fileno(), asked.set)
    with contextlib.suppress(EOFError):
        while True:
            await asked.wait()
            asked.clear()
            pipe.recv()
            documents = next(iter(metrics.DOCUMENTS.collect())).samples[0].value
            pipe.send((time.process_time(), int(documents)))
    loop.remove_reader(pipe.fileno())
