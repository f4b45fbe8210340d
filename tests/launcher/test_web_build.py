"""The web app's bundle: built once, never half; Node and npm are scripts here, tests/web has the real ones."""

import asyncio
import shutil
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from deploy.local import web
from tests.processes import REPOSITORY, alive, until

NPM = """
case $1 in
  ci) mkdir -p node_modules; echo installed >>"$0.log";;
  run) while [ "$1" != --outDir ]; do shift; done
    mkdir -p "$2"; cat index.html >"$2/index.html"; echo built >>"$0.log";;
esac
"""
BUILD = """
import pathlib, sys
from deploy.local import web
web.WEB = pathlib.Path(sys.argv[1])
web.BUNDLE = web.WEB / "dist"
web.build()
"""


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH beside the shell's; `web/` is one of its own."""
    found, source = tmp_path / "tools", tmp_path / "web"
    found.mkdir()
    source.mkdir()
    for name in ("sh", "mkdir", "cat", "sleep"):
        (found / name).symlink_to(shutil.which(name) or "")
    program(found / "node", "echo v22.1.0")
    program(found / "npm", NPM)
    for name in ("package.json", "package-lock.json", "index.html"):
        (source / name).write_text(name)
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setattr(web, "WEB", source)
    monkeypatch.setattr(web, "BUNDLE", source / "dist")
    return found


def done(tools: Path) -> list[str]:
    return (tools / "npm.log").read_text().split()


def test_it_is_built_when_its_sources_changed(tools: Path) -> None:
    web.build()
    web.build()
    assert done(tools) == ["installed", "built"]

    (web.WEB / "index.html").write_text("another")
    web.build()

    assert done(tools) == ["installed", "built", "built"]
    assert (web.BUNDLE / "index.html").read_text() == "another"


def test_an_interrupted_installation_is_never_taken_for_a_whole_one(tools: Path) -> None:
    web.build()
    lock = web.WEB / "package-lock.json"
    before = lock.read_text()
    lock.write_text("another")
    program(tools / "npm", "kill -9 $$")
    with pytest.raises(web.BuildError):
        web.build()

    lock.write_text(before)  # and so what the mark of the first one holds
    program(tools / "npm", NPM)
    web.build()

    assert done(tools) == ["installed", "built", "installed"]


def test_a_build_that_fails_leaves_the_bundle_as_it_was(tools: Path) -> None:
    web.build()
    (web.WEB / "index.html").write_text("another")
    program(tools / "npm", "echo no memory; exit 1")

    with pytest.raises(web.BuildError, match="no memory"):
        web.build()

    assert (web.BUNDLE / "index.html").read_text() == "index.html"


def test_a_node_that_does_not_run_here_is_none(tools: Path) -> None:
    (tools / "node").write_bytes(b"\x7fELF of another machine")

    assert web.missing() == f"The web app needs {web.GET_NODE}; the API runs without it."


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
async def test_npm_does_not_outlive_who_builds(tools: Path) -> None:
    program(tools / "npm", 'echo $$ >"$0.pid.new"; /bin/mv "$0.pid.new" "$0.pid"; exec sleep 1000')
    builder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BUILD, str(web.WEB), cwd=REPOSITORY, stdout=PIPE
    )
    pid = tools / "npm.pid"
    await until(pid.exists, what="npm")
    npm = int(pid.read_text())
    builder.kill()
    await builder.wait()

    await until(lambda: not alive(npm), what="npm's end")
