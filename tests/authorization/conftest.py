"""The authorization service on a real port, over real PostgreSQL and Redis; in this process."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import pytest
from redis.asyncio import Redis

from deploy.local import postgres
from services.authorization.__main__ import MIGRATIONS
from services.authorization.app import app
from services.authorization.settings import AuthorizationSettings
from services.common.grpc import open_channel
from services.common.lifecycle import Lifecycle
from services.common.migrations import upgrade
from tests.authorization.client import AuthClient
from tests.conftest import RunningPostgres
from tests.processes import free_port

KEY = "k" * 32
OLD_KEY = "o" * 32
FAST: dict[str, object] = {
    "jwt_keys": {"new": KEY, "old": OLD_KEY},
    "jwt_active_kid": "new",
    "bcrypt_cost": 4,
    "announce_interval_s": 3600,
}
"""Settings for tests: cheap hashes, and no sweep that comes to the help of what is under test."""


@dataclass(frozen=True, slots=True)
class Running:
    """A serving service."""

    client: AuthClient
    life: Lifecycle
    settings: AuthorizationSettings


Start = Callable[..., Awaitable[Running]]


@pytest.fixture(scope="session")
def shared_url(postgres_server: RunningPostgres) -> str:
    """A database with the service's tables for all these tests: one is made in the time of ten emptied."""

    async def make() -> str:
        url = await postgres.ensure_database(postgres_server.server, "test_authorization", secrets.token_hex(8))
        await upgrade(url, MIGRATIONS)
        return url

    return asyncio.run(make())


@pytest.fixture
async def migrated_url(shared_url: str) -> str:
    """A database with the service's tables, empty."""
    connection = await asyncpg.connect(shared_url)
    await connection.execute("TRUNCATE accounts, sessions, refresh_tokens, revocations")
    await connection.close()
    return shared_url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection past the service, to look and to shift times."""
    connection = await asyncpg.connect(migrated_url)
    yield connection
    await connection.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, protocol=2, decode_responses=True) as client:
        yield client


@pytest.fixture
async def start(migrated_url: str, redis_url: str) -> AsyncIterator[Start]:
    """Starts a service with settings of the test's choice; ends it with the test."""
    async with AsyncExitStack() as stack:

        async def start_one(**overrides: object) -> Running:
            port = free_port()
            values: dict[str, object] = {
                **FAST,
                "database_url": migrated_url,
                "redis_url": redis_url,
                "grpc_address": f"127.0.0.1:{port}",
                **overrides,
            }
            settings = AuthorizationSettings.model_validate(values)
            stop, serving = asyncio.Event(), asyncio.get_running_loop().create_future()
            task = asyncio.create_task(_serve(settings, serving, stop))

            async def end() -> None:
                stop.set()
                await task

            stack.push_async_callback(end)
            await asyncio.wait([task, serving], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            channel = open_channel(f"127.0.0.1:{port}")
            stack.push_async_callback(channel.close)
            return Running(AuthClient.over(channel), serving.result(), settings)

        yield start_one


@pytest.fixture
async def auth(start: Start) -> AuthClient:
    """A client of a service with the tests' settings."""
    return (await start()).client


async def _serve(settings: AuthorizationSettings, serving: "asyncio.Future[Lifecycle]", stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        life = Lifecycle(tasks)
        async with app(settings, life):
            life.health.started = True
            serving.set_result(life)
            await stop.wait()
