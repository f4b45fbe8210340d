"""Redis: each service's user does its own work, and nothing beside it."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from deploy.local import redis
from deploy.local.redis import SERVICES, RedisServer
from tests.processes import Process, free_port


async def send(client: Redis, command: str) -> Any:
    return await client.execute_command(*command.split())  # type: ignore[no-untyped-call]


BINARIES = [path for found in (redis.system_binaries(), redis.bundled_binaries()) for path in found[:1]]


@pytest.fixture(scope="module", params=BINARIES, ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """Each Redis that is here: an older one must take the same lines."""
    root = Path(tempfile.mkdtemp(prefix="crypto-test-redis-"))
    users = {name: secrets.token_urlsafe(24) for name in SERVICES}
    prepared = redis.prepare(root, free_port(), secrets.token_hex(16), binaries=[request.param], users=users)
    process = Process(prepared.command, {}).start()
    asyncio.run(redis.wait_until_ready(prepared))
    yield prepared
    process.kill()
    shutil.rmtree(root)


ALLOWED = {
    "authorization": "SET auth:revoked:user:1 1 EX 60|MGET auth:revoked:user:1 auth:revoked:session:x|PING"
    "|INCRBY auth:limit:x 1|PUBLISH auth:revocations {}|EXPIRE auth:limit:x 60",
    "aggregator": "HSET market:last btcusdt {}|SET market:source binance|GET market:source|SET market:symbols {}|PING"
    "|SADD market:follows x|SMEMBERS market:follows|SREM market:follows x|DEL market:last|PUBLISH btcusdt {}"
    "|INFO server|SET market:resume {}|GET market:resume",
    "profile": "HMGET market:last btcusdt|HKEYS market:last|GET market:symbols|MGET auth:revoked:user:1|PING"
    "|PUBLISH profile:changes 1|PUBLISH probe:x 1|SET profile:ticket:x 1 EX 30|GETDEL profile:ticket:x",
    "dashboard": "GET market:source|HGETALL market:last|GET market:symbols|GET market:fill|GET market:resume|PING",
    "backfill": "GET market:wanted|GET market:symbols|HGETALL market:last|SET market:fill {} EX 60|PING",
}
REFUSED = {
    "authorization": "GET market:last|SET profile:ticket:x 1|PUBLISH profile:changes 1|PUBLISH btcusdt 1|SET other 1",
    "aggregator": "GET auth:revoked:user:1|DEL auth:limit:x|SET profile:ticket:x 1|GET profile:ticket:x",
    "profile": "SET auth:limit:x 1|DEL auth:revoked:user:1|DEL market:last|HSET market:last a b|GET market:follows",
    "dashboard": "SET market:source x|HSET market:last a b|DEL market:last|GET auth:revoked:user:1|PUBLISH btcusdt 1"
    "|SUBSCRIBE btcusdt|GET market:follows|SET market:fill x|SET market:resume x",
    "backfill": "HSET market:last a b|DEL market:last|GET market:follows|GET auth:revoked:user:1|PUBLISH btcusdt 1"
    "|SUBSCRIBE btcusdt|SET market:source x",
}
NO_SERVICES = "FLUSHALL|FLUSHDB|CONFIG GET requirepass|ACL LIST|KEYS *|SHUTDOWN NOSAVE|MONITOR|CLIENT LIST|SAVE"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_does_its_work_and_nothing_else(server: RedisServer, service: str) -> None:
    async with Redis.from_url(server.url_of(service), protocol=2) as client:
        for command in ALLOWED[service].split("|"):
            await send(client, command)
        for command in f"{REFUSED[service]}|{NO_SERVICES}".split("|"):
            with pytest.raises(NoPermissionError):
                await send(client, command)


async def test_subscriptions_of_profile(server: RedisServer) -> None:
    async with Redis.from_url(server.url_of("profile"), protocol=2) as client, client.pubsub() as channels:
        await channels.subscribe("btcusdt", "auth:revocations", "profile:changes", "probe:x")


async def test_the_limits_of_authorization_work(server: RedisServer) -> None:
    async with Redis.from_url(server.url_of("authorization"), protocol=2) as client:
        script = client.register_script("return redis.call('INCR', KEYS[1])")
        assert await script(keys=["auth:limit:script"]) == 1
        with pytest.raises(NoPermissionError):
            await script(keys=["market:last"])


async def test_without_a_name_the_password_is_the_operators(server: RedisServer) -> None:
    """A Go service knows no names: with the operator's password it works as before."""
    async with Redis.from_url(server.url, protocol=2) as client:
        assert await send(client, "ACL WHOAMI") == b"default"
        assert await client.config_get("port")
