"""Redis clients: how many commands run at once, and how long one waits."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import ResponseError

from services.common import redis
from services.common.redis import MAX_CONNECTIONS, check_redis, open_redis
from tests.conftest import RunningRedis
from tests.processes import until


async def test_commands_beyond_the_connections_wait_for_one(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "COMMAND_TIMEOUT_S", 60.0)
    client = open_redis(redis_url)
    try:
        await asyncio.gather(*(check_redis(client) for _ in range(3 * MAX_CONNECTIONS)))
        assert sum(count for count, _ in client.connection_pool.get_connection_count()) == MAX_CONNECTIONS
    finally:
        await client.aclose()


async def test_the_wait_for_a_connection_ends(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "COMMAND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(redis, "MAX_CONNECTIONS", 1)
    client = open_redis(redis_url)
    try:
        busy = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        with pytest.raises(NoConnectionError):
            await check_redis(client)
        await client.connection_pool.release(busy)
        assert await client.echo("free again") == b"free again"
    finally:
        await client.aclose()


async def test_who_gives_up_waiting_takes_no_connection_along(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "COMMAND_TIMEOUT_S", 60.0)
    monkeypatch.setattr(redis, "MAX_CONNECTIONS", 2)
    client = open_redis(redis_url)
    try:
        for patience_s in (0.0, 0.001, 0.002, 0.005):
            calls = [asyncio.create_task(check_redis(client)) for _ in range(50)]
            await asyncio.sleep(patience_s)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.gather(*(check_redis(client) for _ in range(10)))
    finally:
        await client.aclose()


async def test_closing_the_client_closes_its_connections(redis_url: str) -> None:
    client = open_redis(redis_url)
    connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
    assert connection.is_connected
    await client.aclose()
    assert not connection.is_connected


async def test_connections_that_nothing_uses_are_closed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crowd, one caller's commands use one connection; also the place in redis-py where idle ones are kept."""
    monkeypatch.setattr(redis, "IDLE_S", 0.5)
    client, other = open_redis(redis_url), open_redis(redis_url)

    async def connections() -> int:
        return len([each for each in await other.client_list() if each["name"] == "crowd"])

    async def shrunk() -> bool:
        await check_redis(client)
        return await connections() <= 1

    try:
        held = [await client.connection_pool.get_connection() for _ in range(10)]  # type: ignore[no-untyped-call]
        for connection in held:
            await connection.send_command("CLIENT", "SETNAME", "crowd")
            await connection.read_response()
        for connection in held:
            await client.connection_pool.release(connection)
        assert await connections() == 10
        await until(shrunk, what="idle connections are closed")
        await asyncio.gather(*(check_redis(client) for _ in range(20)))
    finally:
        await client.aclose()
        await other.aclose()


async def test_a_server_that_cannot_write_is_ready(own_redis: RunningRedis) -> None:
    """It refuses PING like a write, and still reads and publishes."""
    client = open_redis(own_redis.url)
    try:
        await client.config_set("min-replicas-to-write", 1)
        with pytest.raises(ResponseError):
            await client.set("a", 1)
        await check_redis(client)
    finally:
        await client.aclose()


async def test_an_address_with_tls_is_spoken_to_with_tls() -> None:
    client = open_redis("rediss://redis.example:6380/1")
    assert issubclass(client.connection_pool.connection_class, SSLConnection)
    await client.aclose()


async def test_a_cancellation_that_comes_as_a_command_has_been_sent_is_heard(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_redis(redis_url)
    sent = AbstractConnection._send_packed_command

    async def sent_and_cancelled(connection: AbstractConnection, command: Any) -> None:
        await sent(connection, command)
        if b"last" in b"".join(command):
            asking.cancel()

    monkeypatch.setattr(AbstractConnection, "_send_packed_command", sent_and_cancelled)

    async def ask() -> object:
        return await client.echo("last")

    try:
        asking = asyncio.create_task(ask())
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert await client.echo("the next") == b"the next"
    finally:
        await client.aclose()
