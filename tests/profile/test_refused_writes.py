"""Stores that answer and refuse to store: websockets go on opening, and what cannot be stored is not promised."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from redis.asyncio import Redis

from tests.authorization.client import session_of
from tests.conftest import RunningPostgres, RunningRedis
from tests.profile.conftest import (
    PASSWORD,
    UNLIMITED,
    Service,
    assert_error,
    migrated_database,
    profile_env,
    sign_up,
    start,
)
from tests.profile.scripted import ScriptedAggregator
from tests.profile.test_websocket import live, refusal, ticket_of
from tests.refused_writes import REFUSALS, fill_disk_under, make_room_under, refuse_to_store, store_again

PROTOCOL = "crypto-service.v1"


@pytest.fixture
def replica(
    own_redis: RunningRedis, profile: Service, authorization: Service, aggregator: ScriptedAggregator
) -> Iterator[Service]:
    """A profile on a Redis of its own; authorization has another."""
    env = profile_env(own_redis.url, authorization, aggregator)
    started = start("profile", "HTTP_PORT", profile.database_url, env)
    yield started
    started.process.stop()


@pytest.fixture
async def redis(own_redis: RunningRedis) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_redis.url, protocol=2, decode_responses=True) as client:
        yield client


@pytest.mark.parametrize("reason", REFUSALS)
async def test_a_browser_opens_websockets_while_redis_refuses_to_store(
    replica: Service, redis: Redis, reason: str
) -> None:
    async with httpx.AsyncClient(base_url=replica.url, trust_env=False, timeout=20) as client:
        user = await sign_up(client)
        await refuse_to_store(redis, reason)
        first, second, late = [(await ticket_of(user))["subprotocol"] for _ in range(3)]
        assert [key async for key in redis.scan_iter("profile:ticket:*")] == []
        async with live(replica, PROTOCOL, first, origin=replica.url) as websocket:
            assert f'"Name":"{user.name}"' in str(await websocket.recv())
        status, _ = await refusal(live(replica, PROTOCOL, first, origin=replica.url))
        assert status in (401, 503), "good once"
        await store_again(redis, reason)
        async with live(replica, PROTOCOL, second) as websocket:
            await websocket.recv()
        assert await refusal(live(replica, PROTOCOL, second)) == (401, "invalid_ticket")
        await ticket_of(user)
        assert len([key async for key in redis.scan_iter("profile:ticket:*")]) == 1, "stored again at once"
        await redis.set(f"auth:revoked:session:{session_of(user.access)}", "1")
        assert await refusal(live(replica, PROTOCOL, late)) == (401, "session_ended")
    output = replica.process.output()
    assert "tickets.kept_here" in output
    assert not any(ticket.removeprefix("ticket.") in output for ticket in (first, second, late))
    assert "profile:ticket" not in output


@pytest.fixture
def full_authorization(own_postgres: RunningPostgres, redis_server: RunningRedis) -> Iterator[Service]:
    """An authorization on a PostgreSQL of its own."""
    env = {"REDIS_URL": redis_server.url, "BCRYPT_COST": "4"} | UNLIMITED
    started = start("authorization", "GRPC_ADDRESS", migrated_database(own_postgres, "authorization"), env)
    yield started
    started.process.stop()


async def test_a_login_that_cannot_be_stored_is_refused_with_its_reason(
    own_postgres: RunningPostgres,
    full_authorization: Service,
    redis_server: RunningRedis,
    aggregator: ScriptedAggregator,
) -> None:
    database_url = await asyncio.to_thread(migrated_database, own_postgres, "profile")
    env = profile_env(redis_server.url, full_authorization, aggregator)
    profile = await asyncio.to_thread(start, "profile", "HTTP_PORT", database_url, env)
    try:
        async with httpx.AsyncClient(base_url=profile.url, trust_env=False, timeout=20) as client:
            user = await sign_up(client)
            await fill_disk_under("refresh_tokens", own_postgres, full_authorization.database_url)
            await fill_disk_under("coins", own_postgres, database_url)
            login = {"name": user.name, "password": PASSWORD}
            refused = await client.post("/v1/login", json=login)
            assert "disk may be full" in assert_error(refused, 503, "store_refuses")
            assert refused.headers["retry-after"] == "30"
            assert "set-cookie" not in refused.headers
            assert "database refused to store" in await readiness(full_authorization)
            added = await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}')
            assert_error(added, 503, "store_refuses")
            assert added.headers["retry-after"] == "30"
            async with live(profile, token=user.access) as websocket:
                assert f'"Name":"{user.name}"' in str(await websocket.recv()), "who is logged in goes on"
            await make_room_under("refresh_tokens", full_authorization.database_url)
            await make_room_under("coins", database_url)
            assert (await client.post("/v1/login", json=login)).status_code == 200
            assert (await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}')).status_code == 201
            await full_authorization.ready()
    finally:
        await asyncio.to_thread(profile.process.stop)


async def readiness(service: Service) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{service.ops_port}/readyz")).text
