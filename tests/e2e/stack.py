"""The whole operational contour as real processes on free ports, fed by the simulator."""

import asyncio
import decimal
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from deploy.local import postgres
from services.kafka_clickhouse.migrate import upgrade
from tests.conftest import RunningPostgres, RunningRedis
from tests.processes import Process, free_port, service, until, until_ready

PASSWORD = "correct horse battery"


@dataclass(slots=True)
class Running:
    """One started service: its process and the ports by which it is reached."""

    process: Process
    port: int
    ops_port: int

    async def ready(self, timeout_s: float = 40.0) -> None:
        await until_ready(self.process, self.ops_port, timeout_s)

    async def restart_after(self, end: str) -> None:
        """End the process by `kill` or `stop`, start it again on the same ports, and wait until it is ready."""
        getattr(self.process, end)()
        self.process.start()
        await self.ready()


@dataclass(slots=True)
class Stack:
    """The services by name, and the secrets they share. Start what is wanted, in any order; `stop` ends all."""

    postgres: RunningPostgres
    redis: RunningRedis
    jwt_key: str = field(default_factory=lambda: secrets.token_hex(32))
    running: dict[str, Running] = field(default_factory=dict)
    databases: dict[str, str] = field(default_factory=dict)
    stream_port: int = field(default_factory=free_port)
    rest_port: int = field(default_factory=free_port)
    authorization_port: int = field(default_factory=free_port)
    socket_port: int = field(default_factory=free_port)
    aggregator_port: int = field(default_factory=free_port)

    async def database(self, name: str) -> str:
        """The URL of this stack's database `name`, made and migrated on first use."""
        if name not in self.databases:
            unique = f"{name}_{secrets.token_hex(4)}"
            url = await postgres.ensure_database(self.postgres.server, unique, secrets.token_hex(8))
            migration = service(name, self._shared() | {"DATABASE_URL": url})
            migration.command = [*migration.command, "migrate"]
            assert migration.start().popen is not None
            code = migration.popen.wait(60) if migration.popen else 1
            assert code == 0, migration.output()
            self.databases[name] = url
        return self.databases[name]

    def _shared(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.redis.url,
            "JWT_KEYS": json.dumps({"test": self.jwt_key}),
            "JWT_ACTIVE_KID": "test",
            "AUTHORIZATION_TARGET": f"127.0.0.1:{self.authorization_port}",
            "AGGREGATOR_URL": f"http://127.0.0.1:{self.aggregator_port}",
            "GRPC_ADDRESS": "127.0.0.1:1",
        }

    async def start(self, name: str, module: str, port: int, env: dict[str, str], *, wait: bool = True) -> Running:
        """Start `python -m …<module>` as `name` and, if `wait`, wait until it is ready."""
        ops_port = free_port()
        process = service(module, {"OPS_PORT": str(ops_port), **env}).start()
        self.running[name] = Running(process, port, ops_port)
        if wait:
            await self.running[name].ready()
        return self.running[name]

    async def start_simulator(self, **env: str) -> Running:
        ports = {"STREAM_PORT": str(self.stream_port), "REST_PORT": str(self.rest_port), "SEED": "7"}
        return await self.start("simulator", "simulator", self.rest_port, ports | {"SYMBOL_COUNT": "40"} | env)

    async def start_socket(self, *, wait: bool = True, **env: str) -> Running:
        defaults = {
            "GRPC_ADDRESS": f"127.0.0.1:{self.socket_port}",
            "EXCHANGE_STREAM_URL": f"ws://127.0.0.1:{self.stream_port}",
            "EXCHANGE_REST_URL": f"http://127.0.0.1:{self.rest_port}",
            "EXCHANGE_SOURCE": "simulator",
        }
        return await self.start("socket", "socket", self.socket_port, defaults | env, wait=wait)

    async def start_aggregator(self, *, wait: bool = True, **env: str) -> Running:
        defaults = {
            "HTTP_PORT": str(self.aggregator_port),
            "SOCKET_TARGET": f"127.0.0.1:{self.socket_port}",
            "REDIS_URL": self.redis.url,
        }
        return await self.start("aggregator", "aggregator", self.aggregator_port, defaults | env, wait=wait)

    async def start_kafka_clickhouse(self, bootstrap: str, clickhouse_url: str, **env: str) -> Running:
        """Migrate the database of `clickhouse_url`, and start the consumer of the topic on `bootstrap`."""
        await upgrade(clickhouse_url, {})
        places = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "CLICKHOUSE_URL": clickhouse_url}
        return await self.start("kafka_clickhouse", "kafka_clickhouse", 0, places | env)

    async def start_authorization(self, **env: str) -> Running:
        defaults = self._shared() | {
            "GRPC_ADDRESS": f"127.0.0.1:{self.authorization_port}",
            "DATABASE_URL": await self.database("authorization"),
            "BCRYPT_COST": "4",
        }
        return await self.start("authorization", "authorization", self.authorization_port, defaults | env)

    async def start_profile(self, name: str = "profile", **env: str) -> Running:
        port = free_port()
        url = await self.database("profile")
        return await self.start(
            name, "profile", port, self._shared() | {"HTTP_PORT": str(port), "DATABASE_URL": url} | env
        )

    async def start_all(self) -> "Stack":
        await self.start_simulator()
        await self.start_socket()
        await self.start_authorization()
        await self.start_aggregator()
        await self.start_profile()
        return self

    async def repair(self) -> None:
        """Start again what has ended, and wait until everything is ready."""
        for running in self.running.values():
            running.process.thaw()
            if running.process.popen is None or running.process.popen.poll() is not None:
                running.process.start()
        for running in self.running.values():
            await running.ready()

    def stop(self) -> None:
        """End everything, last started first."""
        for running in reversed(self.running.values()):
            running.process.stop()


@dataclass(slots=True)
class User:
    """A registered, logged-in person who talks to one profile replica."""

    base_url: str
    name: str
    client: httpx.AsyncClient
    access: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}

    async def add(self, symbol: str, quantity: str) -> httpx.Response:
        """POST the coin with `quantity` as a bare JSON number, digit for digit."""
        return await self._body("POST", f'{{"symbol":"{symbol}","quantity":{quantity}}}')

    async def change(self, symbol: str, quantity: str) -> httpx.Response:
        return await self._body("PATCH", f'{{"symbol":"{symbol}","quantity":{quantity}}}')

    async def remove(self, symbol: str) -> httpx.Response:
        return await self.client.delete("/v2/coin/symbol", params={"symbol": symbol}, headers=self.bearer)

    async def _body(self, method: str, text: str) -> httpx.Response:
        headers = self.bearer | {"Content-Type": "application/json"}
        return await self.client.request(method, "/v2/coin/symbol", content=text, headers=headers)

    @asynccontextmanager
    async def live(self, base_url: str | None = None, query: str = "") -> AsyncIterator[ClientConnection]:
        """An open websocket on `base_url` (default: the user's own replica)."""
        url = (base_url or self.base_url).replace("http", "ws", 1) + f"/v2/user/profile/ws{query}"
        async with connect(url, additional_headers=self.bearer, compression=None, proxy=None) as websocket:
            yield websocket


async def sign_up(base_url: str, client: httpx.AsyncClient) -> User:
    """Register a fresh name at the replica behind `client` and log in."""
    name = f"user-{secrets.token_hex(4)}"
    body = {"name": name, "password": PASSWORD}

    async def registered() -> bool:
        return (await client.post("/v1/register", json=body)).status_code == 201

    await until(registered, what="registration")  # profile may not have found a restarted authorization yet
    logged_in = await client.post("/v1/login", json=body)
    assert logged_in.status_code == 200, logged_in.text
    return User(base_url, name, client, logged_in.json()["access_token"])


def read(document: str | bytes) -> dict[str, Any]:
    """A profile document with every number exact."""
    parsed: dict[str, Any] = json.loads(document, parse_float=Decimal, parse_int=Decimal)
    return parsed


async def until_document(websocket: ClientConnection, condition: Any, frames: int = 200) -> dict[str, Any]:
    """Read frames until one satisfies `condition`; AssertionError after `frames` of them or a minute without one."""
    document: dict[str, Any] = {}
    for _ in range(frames):
        async with asyncio.timeout(60):
            document = read(await websocket.recv())
        if condition(document):
            return document
    raise AssertionError(f"no document satisfied the condition; the last was {document}")


async def until_closed(websocket: ClientConnection) -> int | None:
    """Read and forget frames until the server closes the websocket; its close code. TimeoutError after a while."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(30):
            while True:
                await websocket.recv()
    return websocket.close_code


def assert_exact(document: dict[str, Any]) -> None:
    """Every total is quantity × price and the sum is theirs, to the last digit."""
    with decimal.localcontext(decimal.Context(prec=200, traps=[decimal.Inexact])):
        coins = document["Coins"]
        for symbol, price in coins["Prices"].items():
            assert coins["Totals"][symbol] == coins["Quantities"][symbol] * price
        assert document["Total"] == sum(coins["Totals"].values(), Decimal(0))
