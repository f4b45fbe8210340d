"""The launcher's Redis: found by its name, replaced where it does not start, and writable even if its disk is full."""

import io
import os
import resource
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from deploy.local import redis
from deploy.local.component import Component, Fallback
from deploy.local.console import Console
from deploy.local.redis import RedisServer
from deploy.local.supervisor import supervise
from tests.processes import Process, free_port

(BUNDLED,) = redis.bundled_binaries() or redis.system_binaries()[:1]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that comes first on PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()


async def connected(server: RedisServer, started: list[Process], *shell: str) -> AsyncIterator[Redis]:
    """A client of `server`, started by way of the words `shell`."""
    started.append(Process([*shell, *server.command], {}).start())
    await redis.wait_until_ready(server, 60)
    async with Redis.from_url(server.url, protocol=2) as client:
        yield client


async def test_one_binary_that_goes_by_its_name_is_started_by_that_of_the_server(
    path: Path, tmp_path: Path, started: list[Process]
) -> None:
    """Debian's redis-server is a link to redis-check-rdb, which decides by its name what it is."""
    shutil.copy(BUNDLED, path / "redis-check-rdb")
    (path / "redis-server").symlink_to("redis-check-rdb")

    server = redis.prepare(tmp_path / "state", free_port(), "secret")

    assert server.binary == path / "redis-server"
    async for client in connected(server, started):
        assert await client.ping()


async def test_where_the_systems_does_not_start_the_bundled_one_does_and_that_is_reported(
    path: Path, tmp_path: Path
) -> None:
    (path / "redis-server").write_text("#!/bin/sh\necho 'no such option: save'; exit 1\n")
    (path / "redis-server").chmod(0o755)
    server = redis.prepare(tmp_path / "state", free_port(), "secret")
    spare = server.spare_command
    assert spare is not None
    stream = io.StringIO()
    console = Console(tmp_path, stream)

    async def ready() -> None:
        await redis.check(server)

    component = Component(
        "redis", tuple(server.command), ready=ready, fallback=Fallback(tuple(spare), f"the bundled Redis ({spare[0]})")
    )
    async with supervise(console) as supervisor:
        supervisor.start([component])
        assert await supervisor.until_ready(60) == {}
    console.close()

    assert (
        f"redis did not start (exit code 1: no such option: save); using the bundled Redis ({BUNDLED}) instead"
        in stream.getvalue()
    )


def test_the_bundled_one_has_no_spare(tmp_path: Path) -> None:
    assert redis.prepare(tmp_path, free_port(), "secret", None, [BUNDLED]).spare_command is None


async def test_a_disk_that_takes_nothing_more_stops_no_write(tmp_path: Path, started: list[Process]) -> None:
    """Prices and logins are writes to Redis."""
    server = redis.prepare(tmp_path, free_port(), "secret", None, [BUNDLED])
    # With the signal ignored, a file that may not grow fails its writer as a full disk does.
    async for client in connected(server, started, "sh", "-c", 'trap "" XFSZ; exec "$@"', "sh"):
        (process,) = started
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, 1))
        await client.config_set("save", "1 1")  # soon, for the test's sake
        while (await client.info("persistence"))["rdb_last_bgsave_status"] != "err":
            assert await client.set("price", "1")

        assert await client.set("price", "2")


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path, started: list[Process]) -> None:
    server = redis.prepare(tmp_path, free_port(), "secret", None, [BUNDLED])
    async for client in connected(server, started):
        await client.sadd("market:follows", "1:btcusdt")
    assert started.pop().stop(signal.SIGTERM) == 0

    async for client in connected(redis.prepare(tmp_path, server.port, "secret", None, [BUNDLED]), started):
        assert await client.smembers("market:follows") == {b"1:btcusdt"}


@pytest.mark.parametrize("content", [b"", b"REDIS0009\xfa\tredis-ver", b"REDIS9999 of a later version"])
async def test_a_snapshot_that_cannot_be_read_is_set_aside(
    tmp_path: Path, started: list[Process], content: bytes
) -> None:
    (tmp_path / redis.SNAPSHOT).write_bytes(content)

    server = redis.prepare(tmp_path, free_port(), "secret", None, [BUNDLED])

    assert "dump.rdb.damaged: it starts empty" in server.note
    assert (tmp_path / "dump.rdb.damaged").read_bytes() == content
    async for client in connected(server, started):
        assert await client.dbsize() == 0
