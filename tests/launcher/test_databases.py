"""Preparing real servers: half a cluster is never taken for one; bundled binaries serve where the system has none."""

import asyncio
import os
import secrets
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from deploy.local import account, postgres, postgres_binaries, redis
from tests.processes import Process, free_port

PASSWORD = secrets.token_hex(16)
FAST = ("-c", "fsync=off")

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its databases to another account")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the databases' account can reach."""
    root = Path(tempfile.mkdtemp(prefix="crypto-test-db-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root, ignore_errors=True)


def start(server: postgres.PostgresServer | redis.RedisServer) -> Process:
    return Process(server.command, {}, {"cwd": "/", **account.as_account(server.account)}).start()


async def version(server: postgres.PostgresServer) -> str:
    """The version that the started server reports."""
    await postgres.wait_until_ready(server, 60)
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def test_bundled_postgres_serves_where_the_system_has_none(place: Path) -> None:
    server = postgres.prepare(place / "data", free_port(), PASSWORD, FAST, postgres_binaries.bundled_bin_dirs())
    process = start(server)
    try:
        assert (await version(server)).split(".")[0] == (server.data_dir / "PG_VERSION").read_text().strip()
    finally:
        process.stop(signal.SIGINT)


async def test_bundled_redis_serves_where_the_system_has_none(place: Path) -> None:
    server = redis.prepare(
        place / "redis", free_port(), PASSWORD, account.unprivileged_account(), redis.bundled_binaries()
    )
    process = start(server)
    try:
        await redis.wait_until_ready(server, 60)
        async with Redis.from_url(server.url, protocol=2) as client:
            assert (await client.config_get("save"))["save"] == "60 1"
    finally:
        process.stop()


def test_redis_keeps_its_password_in_a_file_for_its_owner(place: Path) -> None:
    server = redis.prepare(place / "redis", free_port(), PASSWORD)

    assert PASSWORD not in " ".join(server.command)
    assert stat.S_IMODE((server.data_dir / "redis.conf").stat().st_mode) == 0o600


async def test_an_interrupted_initdb_is_begun_anew(place: Path) -> None:
    (place / "data.partial").mkdir()
    (place / "data.partial" / "PG_VERSION").write_text("15")
    (place / "data.password").touch()

    server = postgres.prepare(place / "data", free_port(), PASSWORD, FAST)
    process = start(server)
    try:
        assert await version(server)
    finally:
        process.stop(signal.SIGINT)
    assert [path.name for path in server.data_dir.parent.iterdir()] == ["data"]


def test_a_cluster_of_another_version_is_refused_with_what_to_do(place: Path) -> None:
    (place / "PG_VERSION").write_text("9")

    with pytest.raises(RuntimeError, match=r"made by PostgreSQL 9, which is no longer here.*make clean"):
        postgres_binaries.find_bin_dirs(place, postgres_binaries.bundled_bin_dirs())


def test_the_bundled_server_is_not_asked_to_serve_a_cluster_of_the_systems(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = place / "system"
    fake_installation(system, "99")
    monkeypatch.setattr(postgres_binaries, "system_bin_dirs", lambda: [system])
    (place / "PG_VERSION").write_text("99\n")

    with pytest.raises(
        RuntimeError,
        match=r"made by PostgreSQL 99, which this system has, while BUNDLED_SERVERS asks for .*: start without",
    ):
        postgres_binaries.find_bin_dirs(place, postgres_binaries.bundled_bin_dirs())


async def test_where_the_systems_initdb_fails_the_bundled_one_makes_the_cluster_and_that_is_reported(
    place: Path,
) -> None:
    (bundled,) = postgres_binaries.bundled_bin_dirs()
    fake_installation(place / "system", "99")
    (place / "system" / "initdb").write_text("#!/bin/sh\necho 'no locale' >&2; exit 1\n")

    server = postgres.prepare(place / "data", free_port(), PASSWORD, FAST, [place / "system", bundled])

    assert server.note.startswith("PostgreSQL could not make its files (initdb): no locale. Using ")
    process = start(server)
    try:
        assert await version(server)
    finally:
        process.stop(signal.SIGINT)


def fake_installation(bin_dir: Path, major: str) -> None:
    bin_dir.mkdir()
    for name in ("postgres", "initdb"):
        (bin_dir / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.1 (Debian {major}.1-1)'\n")
        (bin_dir / name).chmod(0o755)


def test_a_broken_server_is_passed_over_at_each_start(place: Path) -> None:
    """Made for another machine, not to be run, or printing nonsense."""
    (bundled,) = postgres_binaries.bundled_bin_dirs()
    (place / "PG_VERSION").write_text(postgres_binaries._major_version(bundled))
    foreign, closed, noisy = (place / name for name in ("foreign", "closed", "noisy"))
    for directory in (foreign, closed, noisy):
        fake_installation(directory, "99")
    (foreign / "postgres").write_bytes(b"\x7fELF\0")
    (closed / "postgres").chmod(0o644)
    (noisy / "postgres").write_bytes(b"#!/bin/sh\nprintf '\\377\\376'\n")

    assert postgres_binaries.find_bin_dirs(place, [foreign, closed, noisy, bundled]) == [bundled]


def test_a_directory_that_was_set_aside_beside_debians_is_no_obstacle(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundled,) = postgres_binaries.bundled_bin_dirs()
    for version in ("9.6", "15.old", "16", "14-rc1"):
        (place / version).mkdir()
        (place / version / "bin").symlink_to(bundled)
    monkeypatch.setattr(postgres_binaries, "DEBIAN", place)
    monkeypatch.setenv("PATH", str(place))

    found = postgres_binaries.system_bin_dirs()

    assert [path.parent.name for path in found] == ["16", "15.old", "14-rc1", "9.6"]


def test_shims_on_path_are_not_taken_for_servers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mise's are links to mise, asdf's are scripts; `pg_config` knows the way."""
    (bundled,) = postgres_binaries.bundled_bin_dirs()
    mise, asdf = place / "mise", place / "asdf"
    for directory in (mise, asdf):
        directory.mkdir()
    for name in ("mise", "initdb"):
        (mise / name).write_bytes(b"\x7fELF")
        (mise / name).chmod(0o755)
    for name in ("postgres", "pg_ctl"):
        (mise / name).symlink_to("mise")
        (asdf / name).write_text('#!/bin/sh\nexec asdf exec "$0" "$@"\n')
        (asdf / name).chmod(0o755)
    (asdf / "pg_config").write_text(f"#!/bin/sh\necho {bundled}\n")
    (asdf / "pg_config").chmod(0o755)
    for first, second in ((mise, asdf), (asdf, mise)):
        monkeypatch.setenv("PATH", f"{first}:{second}")
        found = postgres_binaries.system_bin_dirs()
        assert mise not in found
        assert asdf not in found
        assert bundled.resolve() in found


def test_a_cluster_is_served_by_the_version_that_made_it(place: Path) -> None:
    (bundled,) = postgres_binaries.bundled_bin_dirs()
    (place / "PG_VERSION").write_text("99")
    other = place / "other"
    fake_installation(other, "99")

    assert postgres_binaries.find_bin_dirs(place, [bundled, other]) == [other]


def test_without_any_binaries_the_message_names_what_to_install(place: Path) -> None:
    with pytest.raises(RuntimeError, match="install the `postgresql` package"):
        postgres_binaries.find_bin_dirs(place, [])
    with pytest.raises(RuntimeError, match="install the `redis-server` package"):
        redis.prepare(place, free_port(), PASSWORD, None, [])


async def test_a_wrong_password_is_reported_at_once(place: Path) -> None:
    server = postgres.prepare(place / "data", free_port(), PASSWORD, FAST)
    process = start(server)
    try:
        await postgres.wait_until_ready(server, 60)
        stranger = replace(server, password="another password")
        async with asyncio.timeout(30):
            with pytest.raises(RuntimeError, match=r"another password than the one in secrets\.json"):
                await postgres.wait_until_ready(stranger, 60)
    finally:
        process.stop(signal.SIGINT)


@only_root
def test_root_keeps_databases_outside_a_closed_directory(place: Path) -> None:
    place.chmod(0o700)
    user = account.unprivileged_account()

    moved = account.reachable_state_dir(place / "data", user)

    assert moved.parent == account.outside_dir()
    assert account.reachable_state_dir(place / "data", user) == moved
    assert account.reachable_state_dir(place / "other", user) != moved


@only_root
def test_root_keeps_databases_in_place_where_the_account_can_reach_them(place: Path) -> None:
    user = account.unprivileged_account()

    assert account.reachable_state_dir(place / "data", user) == place / "data"
    assert account.reachable_copy(place, ["data"], user) == place


@only_root
async def test_root_copies_bundled_servers_out_of_a_closed_directory(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundled,) = postgres_binaries.bundled_bin_dirs()
    root, names = postgres_binaries.installation(bundled)
    closed = place / "site-packages"
    for name in names:
        shutil.copytree(root / name, closed / name)
    closed.chmod(0o700)
    monkeypatch.setattr(postgres_binaries, "bundled_bin_dirs", lambda: [closed / bundled.relative_to(root)])
    monkeypatch.setattr(account, "OUTSIDE", place / "outside")

    port, bin_dirs = free_port(), postgres_binaries.bundled_bin_dirs()
    server = postgres.prepare(place / "data", port, PASSWORD, FAST, bin_dirs)
    process = start(server)
    try:
        assert await version(server)
        assert server.bin_dir.is_relative_to(account.outside_dir())
        assert postgres.prepare(place / "data", port, PASSWORD, FAST, bin_dirs).bin_dir == server.bin_dir
    finally:
        process.stop(signal.SIGINT)


@only_root
def test_root_writes_nowhere_else_for_what_the_account_put_into_its_directory(place: Path) -> None:
    """A process of the databases' account must not choose which file root overwrites and gives away."""
    unprivileged = account.unprivileged_account()
    data_dir = redis.prepare(place / "redis", free_port(), PASSWORD, unprivileged).data_dir
    precious = place / "precious"
    precious.write_text("root's own")
    (data_dir / "redis.conf").unlink()
    (data_dir / "redis.conf").symlink_to(precious)
    redis.prepare(place / "redis", free_port(), PASSWORD, unprivileged)
    assert (precious.read_text(), precious.stat().st_uid) == ("root's own", 0)
    config = (data_dir / "redis.conf").lstat()
    assert unprivileged is not None
    assert (stat.S_IMODE(config.st_mode), config.st_uid) == (0o600, unprivileged.uid)
