"""Profile as a real process, with real PostgreSQL, Redis and authorization, and an aggregator that follows a script."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from deploy.local import postgres
from tests.conftest import RunningPostgres, RunningRedis
from tests.processes import Process, free_port, service, until_ready
from tests.profile.scripted import ScriptedAggregator, serving

PASSWORD = "correct horse battery"
KEY = secrets.token_hex(32)
SHARED = {"JWT_KEYS": json.dumps({"test": KEY}), "JWT_ACTIVE_KID": "test"}
LIMITS = ("LOGIN_NAME", "LOGIN_ADDRESS", "LOGIN_ALL", "REGISTER_ADDRESS", "REGISTER_ALL", "REFRESH_ADDRESS")
UNLIMITED = {f"LIMIT_{name}": "100000/minute" for name in (*LIMITS, "LOGIN_NAME_ADDRESS")}


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: `address` is its public one, `database_url` its own database."""

    process: Process
    address: str
    ops_port: int
    database_url: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def ready(self) -> None:
        await until_ready(self.process, self.ops_port)

    async def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{self.ops_port}/metrics")).text
        samples = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in samples)


def migrated_database(server: RunningPostgres, name: str) -> str:
    """A new database at the service's newest revision."""
    unique = f"{name}_{secrets.token_hex(4)}"
    url = asyncio.run(postgres.ensure_database(server.server, unique, secrets.token_hex(8)))
    migration = service(name, SHARED | {"DATABASE_URL": url, "REDIS_URL": "redis://unused"})
    migration.command = [*migration.command, "migrate"]
    assert migration.start().popen is not None
    assert migration.popen is not None
    assert migration.popen.wait(60) == 0, migration.output()
    return url


def start(name: str, address_key: str, database_url: str, env: dict[str, str]) -> Service:
    """Start a service on free ports and wait until it is ready. The caller stops its process."""
    port, ops_port = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    ports = {"OPS_PORT": str(ops_port), address_key: str(port) if address_key == "HTTP_PORT" else address}
    process = service(name, SHARED | ports | {"DATABASE_URL": database_url} | env).start()
    started = Service(process, address, ops_port, database_url)
    asyncio.run(started.ready())
    return started


@pytest.fixture(scope="session")
def aggregator() -> Iterator[ScriptedAggregator]:
    with serving(ScriptedAggregator()) as running:
        yield running


@pytest.fixture
def scripted(aggregator: ScriptedAggregator) -> Iterator[ScriptedAggregator]:
    """The aggregator for a test that changes its script."""
    yield aggregator
    aggregator.kind = "ours"


@pytest.fixture(scope="session")
def authorization(postgres_server: RunningPostgres, redis_server: RunningRedis) -> Iterator[Service]:
    env = {"REDIS_URL": redis_server.url, "BCRYPT_COST": "4"} | UNLIMITED
    started = start("authorization", "GRPC_ADDRESS", migrated_database(postgres_server, "authorization"), env)
    yield started
    started.process.stop()


@pytest.fixture(scope="session")
def profile(
    postgres_server: RunningPostgres,
    redis_server: RunningRedis,
    authorization: Service,
    aggregator: ScriptedAggregator,
) -> Iterator[Service]:
    env = profile_env(redis_server.url, authorization, aggregator)
    started = start("profile", "HTTP_PORT", migrated_database(postgres_server, "profile"), env)
    yield started
    started.process.stop()


def profile_env(redis_url: str, authorization: Service, aggregator: ScriptedAggregator) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "AUTHORIZATION_TARGET": authorization.address,
        "AGGREGATOR_URL": aggregator.url,
        "LEASE_INTERVAL_S": "0.2",
    }


@pytest.fixture
async def client(profile: Service) -> AsyncIterator[httpx.AsyncClient]:
    """An anonymous client without a cookie."""
    async with httpx.AsyncClient(base_url=profile.url, trust_env=False, timeout=20) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class User:
    """A registered, logged-in user; the cookie jar of `client` holds the refresh token."""

    client: httpx.AsyncClient
    name: str
    access: str
    password: str = field(default=PASSWORD, repr=False)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}

    async def request(self, method: str, path: str, **options: object) -> httpx.Response:
        return await self.client.request(method, path, headers=self.bearer, **options)  # type: ignore[arg-type]

    async def send(self, method: str, path: str, text: str) -> httpx.Response:
        """A request whose JSON body is `text`, digit for digit."""
        headers = self.bearer | {"Content-Type": "application/json"}
        return await self.client.request(method, path, headers=headers, content=text)


async def sign_up(client: httpx.AsyncClient, name: str | None = None) -> User:
    name = name or f"user-{secrets.token_hex(4)}"
    credentials = {"name": name, "password": PASSWORD}
    registered = await client.post("/v1/register", json=credentials)
    assert registered.status_code == 201, registered.text
    logged_in = await client.post("/v1/login", json=credentials)
    assert logged_in.status_code == 200, logged_in.text
    return User(client, name, logged_in.json()["access_token"])


@pytest.fixture
async def user(client: httpx.AsyncClient) -> User:
    return await sign_up(client)


def assert_error(answer: httpx.Response, status: int, code: str) -> str:
    """The answer is that error, in the one shape errors have, and nothing leaks; its sentence is returned."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["code"] == code
    assert {"error", "code"} <= body.keys() <= {"error", "code", "near"}
    sentence = body["error"]
    assert isinstance(sentence, str)
    assert sentence.endswith((".", "?"))
    assert not any(word in answer.text for word in ("Traceback", "SELECT", "asyncpg", "grpc", "Error("))
    return sentence
