"""`make setup` on machines that lack something. The environment it makes is not tested here: these tests run in it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import REPOSITORY, Process, until

BASE = "/usr/bin:/bin"
ALONE = f'[ "$1" != -I ] || exec {sys.executable} "$@"'
"""The line of a Python that does nothing else but keep others waiting."""
LOCKS = ("requirements.lock", "deploy/local/redis.txt", "deploy/local/chdb.txt")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What setup reads of a fresh clone."""
    for name in ("deploy/local/setup.sh", "deploy/local/alone.py", *LOCKS):
        target = tmp_path / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((REPOSITORY / name).read_bytes())
    return tmp_path / "checkout"


def program(directory: Path, name: str, script: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def setup(checkout: Path, path: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(checkout / "deploy/local/setup.sh")],
        env={"PATH": path, "HOME": str(checkout), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def only_tools(tmp_path: Path) -> Path:
    """A PATH directory with what setup needs of a system, and no Python."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "cmp", "dirname", "mkdir", "mv", "rm"):
        (tools / name).symlink_to(next(path for path in map(Path, BASE.split(":")) if (path / name).exists()) / name)
    return tools


def test_an_old_python_is_reported_in_one_sentence(checkout: Path, tmp_path: Path) -> None:
    tools = only_tools(tmp_path)
    program(tools, "python3", '[ "$1" = --version ] && echo "Python 3.8.10" || exit 1')

    ended = setup(checkout, str(tools))

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Python 3.11 or newer is needed (found: Python 3.8.10).")
    assert len(ended.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_no_python_at_all_is_reported_in_one_sentence(checkout: Path, tmp_path: Path) -> None:
    ended = setup(checkout, str(only_tools(tmp_path)))

    assert ended.returncode == 1
    assert ended.stderr.startswith("Python 3.11 or newer is needed (found: no python3 on PATH).")


def test_a_newer_python_beside_an_old_one_is_found(checkout: Path, tmp_path: Path) -> None:
    tools = only_tools(tmp_path)
    program(tools, "python3", '[ "$1" = --version ] && echo "Python 3.8.10" || exit 1')
    program(tools, "python3.12", f'[ "$2" = venv ] && echo "asked to make a venv" >&2 && exit 1\n{ALONE}')

    ended = setup(checkout, str(tools))

    assert "asked to make a venv" in ended.stderr
    assert "python3-venv" in ended.stderr


def test_a_python_named_by_the_person_must_be_new_enough(checkout: Path, tmp_path: Path) -> None:
    tools = only_tools(tmp_path)
    program(tools, "python2", "exit 1")

    ended = setup(checkout, str(tools), PYTHON="python2")

    assert ended.returncode == 1
    assert ended.stderr == "PYTHON=python2 is not a Python 3.11 or newer.\n"


def test_a_whole_environment_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin", "python", '[ "$1" = -c ] && echo "3.12.1 here"')
    (venv / "requirements.installed").write_text(
        "3.12.1 here\n" + "".join((checkout / lock).read_text() for lock in LOCKS)
    )

    ended = setup(checkout, str(only_tools(tmp_path)))

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


UV = """
for word in "$@"; do
  [ "$word" = sync ] && exit "${SYNC_FAILS:-0}"
  [ "$before" = --target ] && target=$word
  before=$word
done
case $target in *chdb*) [ -z "$FAILS" ] || { echo "${COMPLAINT:-no way there}" >&2; exit "$FAILS"; };; esac
mkdir -p "$target"
"""


@pytest.fixture
def fetching(checkout: Path, tmp_path: Path) -> Path:
    """An environment with its Python, and a PATH with a uv that fetches empty directories."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    program(checkout / ".venv" / "bin", "python", f'[ "$1" = -c ] && echo "3.12.1 here"\n{ALONE}')
    (checkout / ".venv" / "made").touch()
    tools = only_tools(tmp_path)
    program(tools, "uv", UV)
    return tools


@pytest.mark.parametrize("code", ["1", "2"])
def test_an_engine_that_could_not_be_fetched_is_fetched_at_the_next_start(
    checkout: Path, fetching: Path, code: str
) -> None:
    offline = setup(checkout, str(fetching), FAILS=code)

    assert offline.returncode == 0
    assert "chdb.txt could not be fetched now; the next start tries again: no way there" in offline.stdout
    assert (checkout / ".venv" / "servers").exists()
    assert not (checkout / ".venv" / "chdb").exists()

    still_offline = setup(checkout, str(fetching), FAILS=code, SYNC_FAILS="2")
    assert (still_offline.returncode, still_offline.stderr) == (0, "")

    assert setup(checkout, str(fetching)).stdout.endswith("setup: done\n")
    assert (checkout / ".venv" / "chdb").exists()
    assert setup(checkout, str(fetching)).stdout == ""


def test_an_engine_that_this_platform_lacks_is_not_asked_for_again(checkout: Path, fetching: Path) -> None:
    lacking = setup(checkout, str(fetching), FAILS="1", COMPLAINT="  × No solution found when resolving dependencies")

    assert "no ClickHouse engine to be had for this platform" in lacking.stdout
    assert setup(checkout, str(fetching), FAILS="1").stdout == ""


PYTHON = f"""
case $1 in
  --version) echo Python 3.12.1;;
  -c) echo "3.12.1 here";;
  -I) exec {sys.executable} "$@";;
  -m) echo venv >>"$LOG"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; [ -z "$HANGS_IN_VENV" ] || exec sleep 1000;;
esac
"""
SLOW_UV = """
[ "$2" = sync ] || { mkdir -p "$5"; exit; }
case $* in *--reinstall*) echo again >>"$LOG";; esac
echo sync >>"$LOG"
until [ -e "$GO" ]; do sleep 0.05; done
"""
"""Of two words that `uv pip install --quiet --target DIRECTORY` has in these places."""


@pytest.fixture
def machine(checkout: Path, tmp_path: Path) -> Callable[..., Process]:
    """`make setup` of a fresh clone, started; its Python and uv note what they do, and uv waits for a file `go`."""
    tools = only_tools(tmp_path)
    for name in ("cp", "sleep"):
        (tools / name).symlink_to(f"/bin/{name}")
    program(tools, "python3", PYTHON)
    program(tools, "uv", SLOW_UV)

    def start(**env: str) -> Process:
        environment = {
            **dict.fromkeys(("PYTHON", "HANGS_IN_VENV"), ""),
            "PATH": str(tools),
            "LOG": str(tmp_path / "log"),
            "GO": str(tmp_path / "go"),
            "SETUP_ALONE": "",
            **env,
        }
        return Process(["/bin/sh", str(checkout / "deploy/local/setup.sh")], environment).start()

    return start


def noted(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().split() if (tmp_path / "log").exists() else []


def ended(process: Process) -> int:
    assert process.popen is not None
    return process.popen.wait(60)


async def test_a_second_setup_waits_for_the_first_and_has_nothing_left_to_do(
    machine: Callable[..., Process], tmp_path: Path
) -> None:
    first = machine()
    await until(lambda: "sync" in noted(tmp_path), what="the first one's installation")
    second = machine()
    waits = f"waiting for the one that is already at work here (process {first.pid})"
    await until(lambda: waits in second.output(), what="the second one's wait")
    (tmp_path / "go").touch()

    assert (ended(first), ended(second)) == (0, 0), first.output() + second.output()
    assert noted(tmp_path) == ["venv", "sync"]


async def test_what_an_interrupted_installation_left_is_installed_again(
    machine: Callable[..., Process], tmp_path: Path
) -> None:
    first = machine()
    await until(lambda: "sync" in noted(tmp_path), what="the first one's installation")
    os.killpg(first.pid, signal.SIGKILL)
    ended(first)
    (tmp_path / "go").touch()

    assert ended(machine()) == 0
    assert noted(tmp_path) == ["venv", "sync", "again", "sync"]


async def test_what_an_interrupted_venv_left_is_made_anew(machine: Callable[..., Process], tmp_path: Path) -> None:
    first = machine(HANGS_IN_VENV="yes")
    await until((tmp_path / "checkout/.venv/bin/python").exists, what="the first one's Python")
    os.killpg(first.pid, signal.SIGKILL)
    ended(first)
    (tmp_path / "go").touch()

    assert ended(machine()) == 0
    assert noted(tmp_path) == ["venv", "venv", "sync"]


def test_a_proxy_is_named_when_a_download_fails(checkout: Path, fetching: Path) -> None:
    failed = setup(checkout, str(fetching), SYNC_FAILS="2", ALL_PROXY="socks://user:secret@127.0.0.1:7891/")

    assert failed.returncode == 1
    assert failed.stderr.endswith("Downloads go by the proxy that these variables name: ALL_PROXY.\n")


def test_make_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout

    for target in (
        "setup",
        "run",
        "web",
        "backfill",
        "test",
        "coverage",
        "soak",
        "lint",
        "proto",
        "proto-check",
        "lock",
        "bench",
        "web-perf",
        "sbom",
        "images",
        "clean",
    ):
        assert f"  make {target} " in listed
