"""Redis clients: how many commands run at once, and how long one waits."""

import asyncio

import pytest
from redis.asyncio import SSLConnection
from redis.exceptions import ConnectionError as NoConnectionError

from services.common import redis
from services.common.redis import MAX_CONNECTIONS, check_redis, open_redis


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


async def test_an_address_with_tls_is_spoken_to_with_tls() -> None:
    client = open_redis("rediss://redis.example:6380/1")
    assert client.connection_pool.connection_class is SSLConnection
    await client.aclose()
