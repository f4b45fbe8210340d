"""The opening request of a stream: bounded, strict, answered, and in time."""

import asyncio
import contextlib

import pytest

from tests.simulator.running import running

UPGRADE = (
    b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
OPENING = b"GET /ws/btcusdt@aggTrade HTTP/1.1\r\n"


async def exchange(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            writer.write(sent)
            while chunk := await reader.read(65536):
                received += chunk
    return received


async def test_what_cannot_be_an_opening_request_is_answered_and_closed() -> None:
    expected = {
        OPENING + UPGRADE + b"X: 1\r\n" * 200 + b"\r\n": 431,
        OPENING + UPGRADE + b"X: " + b"x" * 300_000: 431,
        b"GET /ws/" + b"x" * 300_000: 414,
        OPENING + UPGRADE.replace(b"\r\n", b"\n") + b"\n": 400,
        OPENING + UPGRADE + b"X: 1\r\n 2\r\n\r\n": 400,
        OPENING + UPGRADE + b"Content-Length: 5\r\n\r\nhello": 400,
        OPENING + UPGRADE + b"Origin: http://evil.example\r\n\r\n": 403,
        OPENING + UPGRADE + b"Sec-Fetch-Site: cross-site\r\n\r\n": 403,
        OPENING + UPGRADE.replace(b"localhost", b"evil.example") + b"\r\n": 403,
        OPENING + UPGRADE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello": 400,
    }
    async with running() as simulator:
        for sent, status in expected.items():
            received = await exchange(simulator.settings.stream_port, sent)
            assert received.startswith(b"HTTP/1.1 %d" % status), (sent[:80], received)
        async with simulator.connect("/ws/btcusdt@aggTrade"):
            assert len((await simulator.state())["connections"]) == 1


@pytest.mark.parametrize("full", [False, True])
async def test_connections_without_a_request_give_way_and_streams_do_not(
    full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.stream_server.MAX_CONNECTIONS", 1)
    async with running() as simulator, asyncio.timeout(20):
        port = simulator.settings.stream_port
        if full:
            async with simulator.connect("/ws/btcusdt@aggTrade"):
                assert (await exchange(port, b"")).startswith(b"HTTP/1.1 503")
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with simulator.connect("/ws/btcusdt@aggTrade"):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()
