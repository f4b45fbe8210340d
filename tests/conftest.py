"""Real PostgreSQL and Redis for the whole session, and a fresh database for each test that asks for one."""

import asyncio
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from deploy.local import postgres, redis
from deploy.local.account import as_account
from tests.processes import Process, free_port

pytest_plugins = ["tests.clickhouse_server", "tests.kafka_broker"]

# A script's `command &` has its programs ignore SIGINT, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No property may depend on how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

LONGEST_FIRST = ("tests/web/test_browser", "tests/web/", "tests/containers/", "tests/launcher/", "tests/e2e/")
"""Files that take minutes begin early, so that no worker is left with one of them at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, start in enumerate(LONGEST_FIRST) if item.nodeid.startswith(start)), 9))


@dataclass(frozen=True, slots=True)
class RunningPostgres:
    server: postgres.PostgresServer
    process: Process


@dataclass(frozen=True, slots=True)
class RunningRedis:
    server: redis.RedisServer
    process: Process

    @property
    def url(self) -> str:
        return self.server.url


def start_postgres() -> RunningPostgres:
    """A PostgreSQL of its own in a temporary directory, ready. The caller ends it with `stop_postgres`."""
    root = Path(tempfile.mkdtemp(prefix="crypto-test-pg-"))
    root.chmod(0o755)
    # A crash of the machine may lose a test's database; a killed server loses nothing that it has confirmed.
    fast = ("-c", "fsync=off", "-c", "max_connections=200")
    server = postgres.prepare(root / "data", free_port(), secrets.token_hex(16), fast)
    process = Process(server.command, {}, {"cwd": "/", **as_account(server.account)}).start()
    asyncio.run(postgres.wait_until_ready(server))
    return RunningPostgres(server, process)


def stop_postgres(running: RunningPostgres) -> None:
    running.process.stop(signal.SIGINT)
    shutil.rmtree(running.server.data_dir.parent, ignore_errors=True)


def start_redis() -> RunningRedis:
    """A Redis of its own in a temporary directory, ready. The caller ends it with `stop_redis`."""
    server = redis.prepare(Path(tempfile.mkdtemp(prefix="crypto-test-redis-")), free_port(), secrets.token_hex(16))
    process = Process(server.command, {}).start()
    asyncio.run(redis.wait_until_ready(server))
    return RunningRedis(server, process)


def stop_redis(running: RunningRedis) -> None:
    running.process.kill()  # a polite end would wait for the disk, and the data is not needed
    shutil.rmtree(running.server.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[RunningPostgres]:
    """The session's PostgreSQL. Never stop it in a test: use `own_postgres` for that."""
    running = start_postgres()
    yield running
    stop_postgres(running)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RunningRedis]:
    """The session's Redis. Never stop it in a test: use `own_redis` for that."""
    running = start_redis()
    yield running
    stop_redis(running)


@pytest.fixture
def own_postgres() -> Iterator[RunningPostgres]:
    """A PostgreSQL that this test may kill, freeze and restart (`own_postgres.process`)."""
    running = start_postgres()
    yield running
    stop_postgres(running)


@pytest.fixture
def own_redis() -> Iterator[RunningRedis]:
    """A Redis that this test may kill, freeze and restart (`own_redis.process`)."""
    running = start_redis()
    yield running
    stop_redis(running)


@pytest.fixture
async def database_url(postgres_server: RunningPostgres) -> AsyncIterator[str]:
    """The URL of an empty database that exists for this test alone."""
    name = f"test_{secrets.token_hex(6)}"
    url = await postgres.ensure_database(postgres_server.server, name, secrets.token_hex(8))
    yield url
    connection = await asyncpg.connect(postgres_server.server.url("postgres"))
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.execute(f'DROP ROLE "{name}"')
    await connection.close()


@pytest.fixture
async def redis_url(redis_server: RunningRedis) -> str:
    """The URL of the session's Redis, emptied before the test."""
    async with Redis.from_url(redis_server.url, protocol=2) as client:
        await client.flushall()
    return redis_server.url
