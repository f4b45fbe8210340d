"""What `make test` does on machines that lack something of what the tests need."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

NEW_JAVA = """echo 'openjdk version "17.0.15" 2025-04-15' >&2"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose Python is ours, with its fetched Kafka, and a PATH with a shell, Node and a browser."""
    root = tmp_path / "checkout"
    program(root / ".venv" / "bin" / "python", f'PYTHONPATH={REPOSITORY} exec {sys.executable} "$@"')
    (root / "deploy" / "local").mkdir(parents=True)
    shutil.copy(REPOSITORY / "deploy" / "local" / "test-tools.sh", root / "deploy" / "local")
    (root / "bin").mkdir()
    for name in ("sh", "dirname", "wget"):
        (root / "bin" / name).symlink_to(shutil.which(name) or "")
    program(root / "bin" / "node", "echo v22.1.0")
    for name in ("npm", "chromium"):
        program(root / "bin" / name, "")
    return root


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def tools(checkout: Path, uid: int) -> subprocess.CompletedProcess[str]:
    program(checkout / "bin" / "id", f"echo {uid}")
    return subprocess.run(
        ["/bin/sh", str(checkout / "deploy" / "local" / "test-tools.sh")],
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_where_everything_is_there_nothing_is_done_or_printed(checkout: Path) -> None:
    program(checkout / "bin" / "java", NEW_JAVA)

    done = tools(checkout, uid=1000)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_node_no_browser_is_asked_for_and_that_is_reported(checkout: Path) -> None:
    program(checkout / "bin" / "java", NEW_JAVA)
    for name in ("node", "chromium"):
        (checkout / "bin" / name).unlink()

    done = tools(checkout, uid=1000)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("setup: The web app needs Node.js")
    assert done.stdout.endswith("Its tests are skipped.\n")


def test_with_node_a_browser_is_asked_for(checkout: Path) -> None:
    program(checkout / "bin" / "java", NEW_JAVA)
    (checkout / "bin" / "chromium").unlink()

    assert tools(checkout, uid=1000).stderr.endswith(": chromium\n")


def test_an_account_that_may_not_install_is_shown_what_to_install(checkout: Path) -> None:
    done = tools(checkout, uid=1000)

    assert done.returncode == 1
    assert done.stderr.endswith(": default-jre-headless\n")
    assert len(done.stderr.splitlines()) == 1


def test_root_gets_it_installed(checkout: Path) -> None:
    program(checkout / "later" / "java", NEW_JAVA)
    program(checkout / "bin" / "apt-get", f'echo "$@" >>$0.log; /bin/cp {checkout}/later/java {checkout}/bin')

    done = tools(checkout, uid=0)

    assert (done.returncode, done.stderr) == (0, "")
    assert "default-jre-headless" in (checkout / "bin" / "apt-get.log").read_text().splitlines()[-1]


def test_an_installation_that_fails_is_reported(checkout: Path) -> None:
    program(checkout / "bin" / "apt-get", "exit 100")

    done = tools(checkout, uid=0)

    assert done.returncode == 1
    assert "could not be installed: default-jre-headless" in done.stderr
