"""Clients that do not read, send too much, or come in crowds."""

import asyncio
import base64
import contextlib
import logging
import socket
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.profile.live.limits import LiveLimits
from tests.processes import until
from tests.profile.live.conftest import QUICK
from tests.profile.live.replica import Portfolios, Replica, metric, running_replica, tick

LONG_NAME = "n" * 30_000
"""Makes a document that fills the buffers of a client that does not read within a few ticks."""


@contextlib.asynccontextmanager
async def handshaking(replica: Replica, user_id: int = 1) -> AsyncIterator[socket.socket]:
    """A client that has asked for a websocket and not heard yet."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(sock, ("127.0.0.1", replica.port))
        key = base64.b64encode(bytes(16)).decode()
        target = replica.url(user_id).partition(f":{replica.port}")[2]
        await loop.sock_sendall(
            sock,
            f"GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode(),
        )
        yield sock


@contextlib.asynccontextmanager
async def deaf_client(replica: Replica, user_id: int = 1) -> AsyncIterator[socket.socket]:
    """A websocket that shook hands and never reads again."""
    async with handshaking(replica, user_id) as sock:
        assert (await asyncio.get_running_loop().sock_recv(sock, 12)).endswith(b"101")
        yield sock


@pytest.fixture
async def patient_replica(redis_url: str, portfolios: Portfolios) -> AsyncIterator[Replica]:
    """A replica that disconnects no client during a test."""
    async with running_replica(redis_url, portfolios, LiveLimits(stuck_after_s=600, drain_s=0.1)) as running:
        yield running


async def ticks_until(redis: Redis, condition: object, start: int = 1) -> int:
    """Tick until `condition()`; returns the last event time."""
    for number in range(start, start + 5000):
        await tick(redis, "btcusdt", str(number), number)
        if condition():  # type: ignore[operator]
            return number
    raise AssertionError("the condition did not come true")


async def test_a_client_that_never_reads_delays_no_other(
    patient_replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    portfolios.put(1, LONG_NAME, btcusdt="1")
    portfolios.put(2, btcusdt="1")
    async with deaf_client(patient_replica), patient_replica.client(2) as reader:
        await reader.document()
        number = await ticks_until(redis, lambda: metric("profile_live_stalled_clients") == 1)
        for later in range(number + 1, number + 20):
            await tick(redis, "btcusdt", str(later), later)
            await reader.document_where(UpdatedAt=later)


async def test_a_client_that_drains_gets_the_newest_document(
    patient_replica: Replica, redis: Redis, portfolios: Portfolios
) -> None:
    portfolios.put(1, LONG_NAME, btcusdt="1")
    async with deaf_client(patient_replica) as sock:
        conflated = metric("profile_live_conflated_total")
        number = await ticks_until(redis, lambda: metric("profile_live_conflated_total") >= conflated + 10)
        received = bytearray()
        while f'"UpdatedAt":{number},'.encode() not in received:
            async with asyncio.timeout(20):
                received += await asyncio.get_running_loop().sock_recv(sock, 65536)
        assert received.count(b'"UpdatedAt"') <= number - 9
        await until(lambda: metric("profile_live_stalled_clients") == 0)


async def test_a_client_that_stays_stuck_is_cut(replica: Replica, redis: Redis, portfolios: Portfolios) -> None:
    portfolios.put(1, LONG_NAME, btcusdt="1")
    cut = metric("profile_live_cut_total")
    async with deaf_client(replica):
        await ticks_until(
            redis, lambda: metric("profile_live_stalled_clients") == 1 or metric("profile_live_cut_total") > cut
        )
        await until(lambda: metric("profile_live_cut_total") == cut + 1)
        await until(lambda: metric("profile_live_clients") == 0)


async def test_messages_of_clients_are_dropped(replica: Replica, redis: Redis) -> None:
    async with replica.client() as client:
        await client.document()
        for message in ("hello", b"\0" * 4096, ["in ", "parts"]):
            await client.connection.send(message)
        await (await client.connection.ping())
        await tick(redis, "btcusdt", "2", 2000)
        await client.document_where(UpdatedAt=2000)


async def test_an_oversized_message_ends_the_websocket(replica: Replica) -> None:
    async with replica.client() as client:
        await client.document()
        await client.connection.send(b"x" * 4097)
        assert await client.close_code() == 1009


async def test_a_flood_of_messages_ends_the_websocket(replica: Replica) -> None:
    async with replica.client() as client:
        await client.document()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(1000):
                await client.connection.send("x")
        assert await client.close_code() == 1008


async def test_a_flood_of_pings_ends_the_websocket(replica: Replica) -> None:
    async with replica.client() as client:
        await client.document()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(1000):
                await client.connection.ping()
        assert await client.close_code() == 1008


async def test_a_flood_before_the_upgrade_ends_the_connection(
    replica: Replica, portfolios: Portfolios, caplog: pytest.LogCaptureFixture
) -> None:
    portfolios.open.clear()
    async with handshaking(replica) as sock:
        await until(lambda: portfolios.loads > 0)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                await loop.sock_sendall(sock, b"\x81\x80mask" * 5000)
                assert await loop.sock_recv(sock, 1) == b""
    portfolios.open.set()
    async with replica.client() as client:
        await client.document()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_refusal_is_no_error_in_the_log(replica: Replica, caplog: pytest.LogCaptureFixture) -> None:
    await replica.manager.drain()
    assert await refusal(replica, 1) == 503
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_more_websockets_than_allowed_are_refused(redis_url: str, portfolios: Portfolios) -> None:
    portfolios.put(2, btcusdt="1")
    portfolios.put(3, btcusdt="1")
    limits = LiveLimits(max_clients=3, max_clients_per_user=2, drain_s=0.1)
    async with running_replica(redis_url, portfolios, limits) as replica, replica.client(1) as first:
        await first.document()
        async with replica.client(1):
            assert await refusal(replica, 1) == 429
            async with replica.client(2):
                assert await refusal(replica, 3) == 503
        await until(lambda: metric("profile_live_clients") == 1)
        async with replica.client(1) as again:
            await again.document()


async def test_draining_closes_with_restart_and_refuses_new_websockets(replica: Replica) -> None:
    async with replica.client() as client:
        await client.document()
        await replica.manager.drain()
        assert await client.close_code() == 1012
    assert await refusal(replica, 1) == 503


async def test_a_portfolio_that_cannot_be_read_in_time_is_a_503(redis_url: str, portfolios: Portfolios) -> None:
    limits = LiveLimits(load_timeout_s=0.2, admission_timeout_s=0.2, drain_s=0.1)
    async with running_replica(redis_url, portfolios, limits) as replica:
        portfolios.open.clear()
        assert await refusal(replica, 1) == 503
        portfolios.open.set()

        async def admitted() -> bool:
            with contextlib.suppress(InvalidStatus):  # so little time may be over again
                async with replica.client() as client:
                    return bool(await client.document())
            return False

        await until(admitted)


async def refusal(replica: Replica, user_id: int) -> int:
    """The HTTP status with which a websocket of that user is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with replica.client(user_id):
            pass
    return refused.value.response.status_code


def test_the_tests_wait_less_than_the_product() -> None:
    assert QUICK.stuck_after_s < LiveLimits().stuck_after_s == 20.0
