"""`postmaster.pid` names a process that may be anybody's: only this cluster's own server counts."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import postgres, postgres_lock
from deploy.local.account import as_account
from tests.conftest import RunningPostgres
from tests.processes import REPOSITORY, Process, free_port

FAST = ("-c", "fsync=off")


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.PostgresServer]:
    """A cluster that does not run."""
    root = Path(tempfile.mkdtemp(prefix="crypto-test-lock-"))
    root.chmod(0o755)
    yield postgres.prepare(root / "data", free_port(), "secret", FAST)
    shutil.rmtree(root, ignore_errors=True)


async def runs(server: postgres.PostgresServer) -> None:
    process = Process(server.command, {}, {"cwd": "/", **as_account(server.account)}).start()
    try:
        await postgres.wait_until_ready(server, 60)
    finally:
        process.stop(signal.SIGINT)


def prepared_again(server: postgres.PostgresServer) -> postgres.PostgresServer:
    return postgres.prepare(server.data_dir, server.port, server.password, FAST)


async def test_the_id_of_another_clusters_server_does_not_stop_the_start(
    cluster: postgres.PostgresServer, postgres_server: RunningPostgres
) -> None:
    (cluster.data_dir / "postmaster.pid").write_text(f"{postgres_server.process.pid}\n{cluster.data_dir}\n1796000000\n")

    await runs(prepared_again(cluster))

    assert postgres_server.process.popen is not None
    assert postgres_server.process.popen.poll() is None


async def test_the_id_of_any_other_process_does_not_stop_the_start(cluster: postgres.PostgresServer) -> None:
    stranger = Process([shutil.which("sleep") or "", "1000"], {}, {"cwd": "/", **as_account(cluster.account)}).start()
    (cluster.data_dir / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster.data_dir}\n")
    try:
        await runs(prepared_again(cluster))
        assert stranger.popen is not None
        assert stranger.popen.poll() is None
    finally:
        stranger.stop()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"not a number\n", b"-1\n", b"99999999999999999999\n"])
def test_what_is_no_process_is_nobodys(cluster: postgres.PostgresServer, content: bytes) -> None:
    (cluster.data_dir / "postmaster.pid").write_bytes(content)

    prepared_again(cluster)

    assert not (cluster.data_dir / "postmaster.pid").exists()


async def test_a_server_that_a_killed_launcher_left_is_ended_and_the_next_takes_over(
    cluster: postgres.PostgresServer,
) -> None:
    left = Process(cluster.command, {}, {"cwd": "/", **as_account(cluster.account)}).start()
    await postgres.wait_until_ready(cluster, 60)
    assert postgres_lock.running_server(cluster.data_dir) is not None

    await runs(prepared_again(cluster))

    assert left.popen is not None
    assert left.popen.wait(60) == 0


def running_server_seen_without_ptrace(data_dir: Path) -> str:
    """What `running_server` finds for root without CAP_SYS_PTRACE, which may not see where others' processes work."""
    code = (
        "import sys; from pathlib import Path; from deploy.local.postgres_lock import running_server;"
        "server = running_server(Path(sys.argv[1])); print(server.pid if server else None)"
    )
    command = ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", code, str(data_dir)]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which alone has the capability to give up")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)")
async def test_root_of_a_container_knows_this_clusters_server_and_takes_no_other_for_it(
    cluster: postgres.PostgresServer, postgres_server: RunningPostgres
) -> None:
    assert cluster.account is not None
    (cluster.data_dir / "postmaster.pid").write_text(f"{postgres_server.process.pid}\n{cluster.data_dir}\n1796000000\n")
    assert running_server_seen_without_ptrace(cluster.data_dir) == "None"
    own = Process(prepared_again(cluster).command, {}, {"cwd": "/", **as_account(cluster.account)}).start()
    try:
        await postgres.wait_until_ready(cluster, 60)
        assert running_server_seen_without_ptrace(cluster.data_dir) == str(own.pid)
    finally:
        own.stop(signal.SIGINT)
