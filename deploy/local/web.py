"""The web app's bundle, built from `web/` where Node is; also by `python -m deploy.local.web`.

What was built is known by a digest of everything it was built from, so that nothing is built twice. A new bundle takes
the old one's place whole, by renaming: profile, which serves it, never sees half of one.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import caches, proxies
from deploy.local.account import REPOSITORY
from deploy.local.leash import leashed

WEB = REPOSITORY / "web"
BUNDLE = WEB / "dist"
"""WEB_DIR of profile."""
NODE_NEEDED = (20, 19)
NPM_LIMIT_S = 900
ANSWER_LIMIT_S = 20
GET_NODE = "Node.js 20.19 or newer, with npm (nodejs.org, or the packages of your system)"
SOURCES = ("src", "public", "build", "index.html", "vite.config.ts", "svelte.config.js", "tsconfig.json")


class BuildError(RuntimeError):
    """The bundle could not be built; the text describes what to do."""


def missing() -> str | None:
    """What a person must install before the web app can be built here, as one sentence; None if nothing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _version(node) < NODE_NEEDED:
        return f"The web app needs {GET_NODE}; the API runs without it."
    return None


def build() -> Path:
    """The bundle's directory, built now unless it is that of the sources. One at a time. Raises BuildError."""
    if problem := missing():
        raise BuildError(problem)
    with _alone():
        install()
        wanted = _digest(*(WEB / name for name in SOURCES), WEB / "package-lock.json")
        stamp = WEB / "node_modules" / ".built"
        if not (BUNDLE / "index.html").exists() or _read(stamp) != wanted:
            _build_anew()
            stamp.write_text(wanted)
    return BUNDLE


def replace_tree(source: Path, target: Path) -> None:
    """Copy the bundle to where an account that cannot reach it here does, whole or not at all."""
    fresh, old = target.with_name(f"{target.name}.new"), target.with_name(f"{target.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def install() -> None:
    """Bring node_modules to the state of package-lock.json. Raises BuildError."""
    wanted = _digest(WEB / "package.json", WEB / "package-lock.json")
    stamp = WEB / "node_modules" / ".installed"
    if _read(stamp) != wanted:
        stamp.unlink(missing_ok=True)
        _npm("ci", "--no-audit", "--no-fund")
        stamp.write_text(wanted)


def _build_anew() -> None:
    fresh, old = WEB / "dist.new", WEB / "dist.old"
    _npm("run", "--silent", "build", "--", "--logLevel", "warn", "--outDir", str(fresh), "--emptyOutDir")
    shutil.rmtree(old, ignore_errors=True)
    if BUNDLE.exists():
        BUNDLE.rename(old)
    fresh.rename(BUNDLE)
    shutil.rmtree(old, ignore_errors=True)


def _npm(*arguments: str) -> None:
    command = leashed([shutil.which("npm") or "npm", *arguments], signal.SIGTERM)
    try:
        done = subprocess.run(
            command,
            cwd=WEB,
            env={**os.environ, **caches.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=NPM_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"`npm {arguments[0]}` in web/ took more than {NPM_LIMIT_S} s. {proxies.hint()}") from error
    if done.returncode:
        raise BuildError(
            f"`npm {' '.join(arguments)}` in web/ failed:\n{done.stdout[-3000:]}\n{proxies.hint()}".rstrip()
        )


def _version(node: str) -> tuple[int, ...]:
    try:
        answer = subprocess.run(
            [node, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
            timeout=ANSWER_LIMIT_S,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):  # made for another machine, or a shim that waits for something
        return (0,)
    numbers = answer.strip().removeprefix("v").split(".")[:2]
    return tuple(int(number) for number in numbers) if all(map(str.isdecimal, numbers)) else (0,)


def _digest(*paths: Path) -> str:
    """Of names and contents, and of the Node that reads them."""
    digest = hashlib.sha256(str(_version(shutil.which("node") or "node")[0]).encode())
    for path in paths:
        files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
        for file in files:
            digest.update(f"{file.relative_to(WEB)} {file.stat().st_size}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(stamp: Path) -> str:
    return stamp.read_text(errors="replace") if stamp.exists() else ""


@contextmanager
def _alone() -> Iterator[None]:
    try:
        opened = os.open(WEB / ".build.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise BuildError(f"The web app cannot be built in {WEB}: {error.strerror}.") from error
    with os.fdopen(opened) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    if sentence := missing():
        sys.stdout.write(f"{sentence}\n")
        sys.exit()  # no failure: without Node, the API is enough
    try:
        bundle = build()
        if copy := os.environ.get("WEB_COPY"):
            replace_tree(bundle, Path(copy))
    except BuildError as error:
        sys.exit(str(error))
    except OSError as error:  # a full disk, a directory of another account
        reason = "the disk is full" if "[Errno 28]" in str(error) else str(error)
        sys.exit(f"The web app cannot be kept: {reason}.")
