"""What a client may send: bounds, strictness, deadlines, and the number of its connections."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from services.common import connections, unread
from services.common.connections import ConnectionLimits
from services.common.http import listen, serve_http
from services.common.protocol import GuardedProtocol
from services.common.request_head import MAX_HEADER_LINE_BYTES, MAX_HEADERS
from tests.processes import until

UPGRADE = (
    b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PLAIN = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HUGE_UPGRADES = {
    "129 headers": (
        b"GET /ws HTTP/1.1\r\n" + UPGRADE + b"".join(b"X-%d: 1\r\n" % i for i in range(124)) + b"\r\n",
        431,
    ),
    "10,000 headers": (b"GET /ws HTTP/1.1\r\n" + UPGRADE + b"X: 1\r\n" * 10_000 + b"\r\n", 431),
    "long line": (b"GET /ws HTTP/1.1\r\n" + UPGRADE + b"X: " + b"x" * 9_000 + b"\r\n\r\n", 431),
    "endless line": (b"GET /ws HTTP/1.1\r\n" + UPGRADE + b"X: " + b"x" * 300_000, 431),
    "long target": (b"GET /ws?" + b"x" * 9_000 + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n", 414),
    "endless target": (b"GET /ws?" + b"x" * 300_000, 414),
}
BROKEN_UPGRADES = {
    "body": b"GET /ws HTTP/1.1\r\n" + UPGRADE + b"Content-Length: 5\r\n\r\nhello",
    "chunked body": b"GET /ws HTTP/1.1\r\n" + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "without a key": b"GET /ws HTTP/1.1\r\n" + UPGRADE.replace(b"Sec-WebSocket-Key", b"X") + b"\r\n",
}


async def hello(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def inattentive(_: Request) -> Response:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello, methods=["GET", "POST"]), WebSocketRoute("/ws", echo)])
APP.router.routes.append(Route("/unread", inattentive, methods=["POST"]))
KINDS = {"plain": {}, "websocket": {"ws": WebSocketsSansIOProtocol}}


class Hasty(GuardedProtocol):
    head_timeout_s = 0.2


@asynccontextmanager
async def serving(kind: str = "plain", **options: object) -> AsyncIterator[int]:
    sock = listen("127.0.0.1", 0)
    async with serve_http(APP, sock, **KINDS[kind], **options):  # type: ignore[arg-type]
        yield sock.getsockname()[1]


async def exchange(port: int, sent: bytes) -> bytes:
    """What comes back until the server closes; TimeoutError if it does not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            writer.write(sent)
            while chunk := await reader.read(65536):
                received += chunk
    return received


def status_of(received: bytes) -> int:
    return int(received[9:12])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HUGE_UPGRADES)
async def test_a_huge_upgrade_is_answered_and_closed(kind: str, name: str) -> None:
    sent, status = HUGE_UPGRADES[name]
    async with serving(kind, protocol=Hasty) as port:
        received = await exchange(port, sent)
    if (kind, name) == ("plain", "long target"):  # where no websocket is served, it is a request like another
        assert status_of(received) == 404
        return
    assert status_of(received) == status
    assert b"connection: close" in received
    assert set(json.loads(received.partition(b"\r\n\r\n")[2])) == {"error", "code"}


@pytest.mark.parametrize("name", BROKEN_UPGRADES)
async def test_an_upgrade_that_the_websocket_parser_refuses_is_answered_and_closed(name: str) -> None:
    async with serving("websocket") as port:
        assert 400 <= status_of(await exchange(port, BROKEN_UPGRADES[name])) < 500


async def test_uvicorn_alone_neither_answers_nor_closes_a_huge_upgrade() -> None:
    """The twin: without our protocol, the connection is forgotten."""
    sock = listen("127.0.0.1", 0)
    config = uvicorn.Config(APP, http=H11Protocol, ws=WebSocketsSansIOProtocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([sock]))
    async with asyncio.timeout(20):
        await until(lambda: server.started)
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(HUGE_UPGRADES["129 headers"][0])
        answered, other = await asyncio.open_connection(*sock.getsockname())
        other.write(PLAIN)
        await answered.readuntil(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)
        writer.close()
        other.close()
        server.should_exit = server.force_exit = True
        await serving


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slow_upgrade_is_cut_off(kind: str) -> None:
    async with serving(kind, protocol=Hasty) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            received = b""
            for byte in b"GET /ws HTTP/1.1\r\n" + UPGRADE:
                writer.write(bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    received = await asyncio.wait_for(reader.read(65536), 0.05)
                    break
            assert status_of(received) == 408


async def test_a_body_that_does_not_arrive_is_cut_off() -> None:
    async with serving(body_timeout_s=0.2) as port:
        received = await exchange(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhell")
    assert status_of(received) == 408


POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
AMBIGUOUS = {
    "both framings": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both framings, swapped": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": POST + b"Content-Length: +5\r\n\r\nhello",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "empty length": POST + b"Content-Length:\r\n\r\nhello",
    "endless length": POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\nhello",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "hidden coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": POST.replace(b"\r\n", b"\n") + b"\n",
    "one bare line feed": POST + b"X: 1\nContent-Length: 5\r\n\r\nhello",
    "bare line feed at the end": POST + b"Content-Length: 5\r\n\n\r\n\r\nhello",
    "bare carriage return": POST + b"X: 1\rY: 2\r\n\r\n",
    "folded header": POST + b"X: 1\r\n 2\r\nContent-Length: 5\r\n\r\nhello",
    "folded by a tab": POST + b"X: 1\r\n\t2\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "space before the first header": b"POST / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "NUL in a value": POST + b"X: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
    "NUL in a name": POST + b"X\x00: a\r\n\r\n",
    "control character": POST + b"X: \x1b[31m\r\n\r\n",
    "no name": POST + b": x\r\n\r\n",
    "no colon": POST + b"x\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "space in the target": b"GET / x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "raw byte in the target": b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "bad chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "bad end of a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    "trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.fixture(scope="module")
def pipelined() -> bytes:
    return b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(name: str, pipelined: bytes) -> None:
    async with serving("websocket") as port:
        received = await exchange(port, AMBIGUOUS[name] + pipelined)
        assert status_of(received) == 400, received
        assert received.count(b"HTTP/1.1") == 1  # and what follows is not read as a request
        assert status_of(await exchange(port, PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (PLAIN.replace(b"1.1", b"2.0"), 505),
        (PLAIN[:-2] + b"X: 1\r\n" * (MAX_HEADERS - 2) + b"Connection: close\r\n\r\n", 200),
        (PLAIN[:-2] + b"X: 1\r\n" * (MAX_HEADERS - 1) + b"Connection: close\r\n\r\n", 431),
        (PLAIN[:-2] + b"X: " + b"x" * (MAX_HEADER_LINE_BYTES - 3) + b"\r\nConnection: close\r\n\r\n", 200),
        (PLAIN[:-2] + b"X: " + b"x" * (MAX_HEADER_LINE_BYTES - 2) + b"\r\nConnection: close\r\n\r\n", 431),
        (b"GET /?" + b"x" * 50_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        (b"GET /?" + b"x" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 414),
        (POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
        (POST + b"Connection: close\r\nX: \xe9\r\nContent-Length: 5\r\n\r\nhello", 200),
        (PLAIN[:-2] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nG", 200),
    ],
)
async def test_bounds_are_exact(sent: bytes, status: int) -> None:
    async with serving(protocol=Hasty) as port:
        assert status_of(await exchange(port, sent)) == status


async def test_a_head_in_pieces_is_one_head() -> None:
    sent = POST + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            for byte in sent:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            async with asyncio.timeout(20):
                assert status_of(await reader.read()) == 200


async def test_the_second_of_two_requests_is_checked_too() -> None:
    async with serving() as port:
        received = await exchange(port, PLAIN + AMBIGUOUS["both framings"])
    assert [line[9:12] for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1")] == [b"200"]
    assert b"HTTP/1.1 400" in received


async def test_a_body_that_goes_wrong_after_its_answer_gets_no_second_one() -> None:
    async with serving() as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            writer.write(b"POST /unread HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert await reader.readuntil(b"hello")
            writer.write(b"no chunk\r\n")
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""


async def test_a_client_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "TIMEOUT_S", 0.1)
    sending = asyncio.Event()
    ended = asyncio.Event()

    async def endless(scope: dict[str, object], receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        sending.set()
        async with asyncio.timeout(20):
            while not ended.is_set():
                await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})  # type: ignore[operator]
                await asyncio.sleep(0)

    class Noted(GuardedProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            ended.set()

    sock = listen("127.0.0.1", 0)
    async with serve_http(endless, sock, protocol=Noted), asyncio.timeout(20):
        _, writer = await asyncio.open_connection(*sock.getsockname(), limit=1)
        with contextlib.closing(writer):
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(PLAIN)
            await sending.wait()
            await ended.wait()


async def test_a_full_server_makes_room_by_the_connection_that_has_waited_longest() -> None:
    async with serving(limits=ConnectionLimits(total=2)) as port, asyncio.timeout(20):
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        _, second_writer = await asyncio.open_connection("127.0.0.1", port)
        received = await exchange(port, PLAIN[:-2] + b"Connection: close\r\n\r\n")
        assert status_of(received) == 200
        with contextlib.suppress(ConnectionError):
            assert await idle.read() == b""
        idle_writer.close()
        second_writer.close()


async def test_a_server_full_of_work_reports_it() -> None:
    release = asyncio.Event()
    arrived = asyncio.Event()

    async def slow(_: Request) -> Response:
        arrived.set()
        await release.wait()
        return PlainTextResponse("done")

    sock = listen("127.0.0.1", 0)
    app = Starlette(routes=[Route("/", slow)])
    async with serve_http(app, sock, limits=ConnectionLimits(total=1)), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(PLAIN)
        await arrived.wait()
        received = await exchange(sock.getsockname()[1], b"")
        assert status_of(received) == 503
        assert b"retry-after" in received
        release.set()
        assert await reader.readuntil(b"done")
        writer.close()


def gate(total: int = 100, proxies: tuple[str, ...] = (), **limits: object) -> connections.ConnectionGate:
    shared = connections.SharedAddresses(proxies)
    return connections.ConnectionGate("test", ConnectionLimits(total, **limits), shared)  # type: ignore[arg-type]


class Place:
    def give_way(self) -> None: ...


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (("8.8.8.8", "8.8.8.8"), "per_client"),
        (("8.8.8.8", "8.8.4.4"), None),
        (("2a00:1450::1", "2a00:1450::2"), "per_client"),
        (("2a00:1450::1", "2a00:1450:0:1::1"), None),
        (("::ffff:8.8.8.8", "8.8.8.8"), "per_client"),
        ((None, "nonsense"), "per_client"),
        (("127.0.0.1", "127.0.0.1"), None),
        (("::1", "::1"), None),
        (("172.18.0.1", "172.18.0.1"), None),
        (("9.9.9.9", "9.9.9.9"), None),
        (("2620:fe::9", "2620:fe::9"), None),
    ],
)
def test_connections_of_one_client_are_capped(addresses: tuple[str | None, str | None], reason: str | None) -> None:
    full = gate(per_client=1, proxies=("9.9.9.0/24", "2620:fe::/64"))
    assert full.admit(Place(), addresses[0]) is None
    assert full.admit(Place(), addresses[1]) == reason


def test_new_connections_of_one_client_are_capped_and_ended_ones_do_not_count() -> None:
    narrow = gate(per_client=1, new_per_client="2/minute")
    for expected in (None, None, "new_per_client"):
        place = Place()
        assert narrow.admit(place, "8.8.8.8") == expected
        narrow.leave(place)
    assert narrow.admit(Place(), "8.8.4.4") is None


async def test_refusals_are_logged_in_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, object]] = []
    monkeypatch.setattr(connections, "REPORT_INTERVAL_S", 0.05)
    monkeypatch.setattr(connections.log, "warning", lambda event, **fields: lines.append({"event": event, **fields}))
    refusals = connections.Refusals("test")
    for _ in range(1000):
        refusals.count("per_client")
    await until(lambda: lines)
    assert lines == [{"event": "http.refused", "server": "test", "within_s": 0.05, "per_client": 1000}]
