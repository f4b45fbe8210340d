"""The commands of compose.yaml, run against the real servers: each reports healthy, and unhealthy when it is not."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.conftest import RunningPostgres, RunningRedis
from tests.containers import compose
from tests.processes import REPOSITORY, Process, free_port, until

Services = dict[str, dict[str, Any]]


def execute(command: Sequence[str], tools: Path, env: Mapping[str, str]) -> int:
    """The exit code of `command`, with the server's own `tools` first on PATH."""
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", **env}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30).returncode


def health_command(service: Mapping[str, Any]) -> list[str]:
    """What the engine would execute."""
    kind, *command = service["healthcheck"]["test"]
    return ["/bin/sh", "-c", *command] if kind == "CMD-SHELL" else command


def test_postgres_is_healthy_until_it_stops(services: Services, own_postgres: RunningPostgres) -> None:
    tools, env = own_postgres.server.bin_dir, {"PGPORT": str(own_postgres.server.port)}
    for name in ("postgres-auth", "postgres-profile"):
        assert execute(health_command(services[name]), tools, env) == 0
    own_postgres.process.stop(signal.SIGINT)
    assert execute(health_command(services["postgres-auth"]), tools, env) != 0


@dataclass(frozen=True, slots=True)
class ComposeRedis:
    """Redis as compose.yaml starts it: its paths put below a directory, its port moved."""

    process: Process
    tools: Path
    secrets: Path
    port: int

    def health(self, services: Services) -> int:
        (script,) = health_command(services["redis"])[2:]
        script = script.replace("/run/secrets", str(self.secrets)).replace("redis-cli", f"redis-cli -p {self.port}")
        return execute(["/bin/sh", "-c", script], self.tools, {})


@pytest.fixture
def compose_redis(
    services: Services, secrets_dir: Path, tmp_path: Path, redis_server: RunningRedis
) -> Iterator[ComposeRedis]:
    binary = redis_server.server.binary
    own = tmp_path / "secrets"
    own.mkdir()
    for target, source in compose.mounted_secrets(services["redis"]).items():
        (own / target).write_text((secrets_dir / source).read_text())
    moved = {"redis-server": str(binary), "/run/secrets/redis_conf": str(own / "redis_conf")}
    moved["/data"] = str(tmp_path)
    command = [moved.get(word, word) for word in services["redis"]["command"]]
    port = free_port()
    process = Process([*command, "--port", str(port), "--bind", "127.0.0.1"], {}).start()
    yield ComposeRedis(process, binary.parent, own, port)
    process.stop()


async def test_redis_starts_with_its_password_and_is_healthy_until_it_stops(
    services: Services, compose_redis: ComposeRedis
) -> None:
    await until(lambda: compose_redis.health(services) == 0, what="health", timeout_s=60)
    password = (compose_redis.secrets / "redis_password").read_text()
    async with Redis(port=compose_redis.port, password=password, protocol=2) as client:
        for name, value in (
            ("appendonly", "no"),
            ("save", "60 1"),
            ("stop-writes-on-bgsave-error", "no"),
            ("maxmemory-policy", "noeviction"),
        ):
            assert (await client.config_get(name))[name] == value
        limits = await client.config_get("client-output-buffer-limit")
        assert f"pubsub {64 << 20} {16 << 20} 30" in str(limits["client-output-buffer-limit"])
    compose_redis.process.stop()
    assert compose_redis.health(services) != 0


async def test_redis_that_refuses_the_password_is_not_healthy(services: Services, compose_redis: ComposeRedis) -> None:
    await until(lambda: compose_redis.health(services) == 0, what="health", timeout_s=60)
    (compose_redis.secrets / "redis_password").write_text("another")
    assert compose_redis.health(services) != 0


async def test_the_init_script_gives_the_service_a_database_of_its_own(
    services: Services, postgres_server: RunningPostgres, tmp_path: Path
) -> None:
    name, password = f"init_{secrets.token_hex(4)}", secrets.token_hex(8)
    (tmp_path / "database_password").write_text(password)
    script = tmp_path / "init.sh"
    original = (REPOSITORY / "deploy" / "postgres-init.sh").read_text()
    assert set(compose.mounted_secrets(services["postgres-auth"])) == {"postgres_password", "database_password"}
    script.write_text(original.replace("/run/secrets/", f"{tmp_path}/"))
    server = postgres_server.server
    env = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": server.password}
    env |= {"POSTGRES_USER": "postgres", "SERVICE_DATABASE": name}
    assert execute(["sh", str(script)], server.bin_dir, env) == 0

    connection = await asyncpg.connect(server.url(name, name, password))
    rights = await connection.fetchrow(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, d.datdba = r.oid AS owner"
        " FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()"
    )
    await connection.execute("CREATE TABLE public.t (id int)")
    await connection.close()
    assert dict(rights) == {"rolsuper": False, "rolcreatedb": False, "rolcreaterole": False, "owner": True}
    superuser = await asyncpg.connect(server.url("postgres"))
    await superuser.execute(f'DROP DATABASE "{name}"')
    await superuser.execute(f'DROP ROLE "{name}"')
    await superuser.close()
