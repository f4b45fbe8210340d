"""Accounts for the services when root starts `make run`: nothing that listens runs as root.

Each has a user id of its own, from a range that systemd and distributions leave free, and needs no entry in the
system's list of accounts: no service reads another's environment, where its secrets are. What they run (the
interpreter, the packages, our code) they read in place, or else in a copy outside of what is closed to others.
"""

import compileall
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.local.account import (
    REPOSITORY,
    Account,
    as_account,
    make_outside_dir,
    outside_dir,
    reachable_state_dir,
)
from deploy.local.component import Component

FIRST_ID = 60_700
ACCOUNTS = {
    name: Account(FIRST_ID + number, FIRST_ID + number)
    for number, name in enumerate(
        (
            "authorization",
            "socket",
            "aggregator",
            "profile",
            "simulator",
            "kafka_clickhouse",
            "dashboard",
            "clickhouse",
            "backfill",
        )
    )
}
_OF_COMPONENTS = {
    **{name: name for name in ACCOUNTS},
    "auth-db": "authorization",
    "profile-db": "profile",
    "clickhouse-db": "kafka_clickhouse",
}
"""Component → whose account it has."""
_CODE = ("services", "simulator", "proto", "deploy/__init__.py", "deploy/local", "deploy/clickhouse", "deploy/kafka")
_PROBE = "import uvicorn, pydantic, services.common.lifecycle, deploy.local.clickhouse.app"
_PROBE_TIMEOUT_S = 120.0
_STAMP = "made-from"
CopyFile = Callable[[str | Path, str | Path], None]


@dataclass(frozen=True, slots=True)
class Confinement:
    """How a component runs: as itself where we are not root."""

    python: str = sys.executable
    directory: Path = REPOSITORY
    env: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)

    @property
    def web_copy(self) -> Path | None:
        """Where the page must be copied to, for profile to reach it."""
        return None if self.directory == REPOSITORY else self.directory / "web" / "dist"

    def confine(self, components: Iterable[Component]) -> list[Component]:
        """The components, each of ours with its account, and what it needs to run there."""
        return [self._confined(one) for one in components]

    def _confined(self, component: Component) -> Component:
        account = self.accounts.get(_OF_COMPONENTS.get(component.name, ""))
        env = dict(component.env)
        if component.name == "web" and self.web_copy:
            env["WEB_COPY"] = str(self.web_copy)
        if account is None:
            return replace(component, env=env)
        if self.web_copy and "WEB_DIR" in env:
            env["WEB_DIR"] = str(self.web_copy)
        command = (self.python, *component.command[1:])
        env |= {**self.env, "HOME": "/nonexistent"}
        return replace(component, command=command, account=account, directory=self.directory, env=env)


def prepare(state_dir: Path, report: Callable[[str], None]) -> Confinement:
    """Look whether the services' accounts can run them in place; if not, make copies (once for each version).

    Raises RuntimeError with a sentence for a person.
    """
    if os.geteuid() != 0:
        return Confinement()
    for name in _CODE:  # the accounts may not write here, and would compile everything anew at every start
        compileall.compile_dir(REPOSITORY / name, quiet=2)
    in_place = Confinement(accounts=ACCOUNTS)
    if _runs(in_place):
        return in_place
    make_outside_dir()
    root = outside_dir() / "services"
    code = reachable_state_dir(state_dir / "code", ACCOUNTS["clickhouse"])
    with (outside_dir() / "services.lock").open("w") as lock:  # a second launcher of this checkout has other state
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _copied(root, code, report)


def _copied(root: Path, code: Path, report: Callable[[str], None]) -> Confinement:
    if _is_current(root):
        return _with_code(root, code)
    report(f"copying Python and the packages to where the services' accounts reach them: {root} (once)")
    _copy_interpreter(root)
    copied = _with_code(root, code)
    if not _runs(copied):
        raise RuntimeError(
            "the services do not run as root, and no other account can run them here, not even from a copy in "
            f"{root}: start as an account of your own (`chown` the checkout to it), or use the containers"
        )
    (root / _STAMP).write_text(_version_here())
    return copied


def _runs(confinement: Confinement) -> bool:
    account = ACCOUNTS["clickhouse"]
    try:
        done = subprocess.run(
            [confinement.python, "-c", _PROBE],
            cwd=confinement.directory,
            env={**os.environ, **confinement.env, "HOME": "/nonexistent"},
            capture_output=True,
            check=False,
            timeout=_PROBE_TIMEOUT_S,
            **as_account(account),
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return False
    return done.returncode == 0


def _is_current(root: Path) -> bool:
    stamp = root / _STAMP
    return stamp.exists() and stamp.read_text() == _version_here()


def _version_here() -> str:
    """What a copy of the interpreter and the packages is made from."""
    return f"{sys.version}\n{sys.base_prefix}\n{sys.prefix}\n{_changed(Path(sys.prefix) / 'requirements.installed')}"


def _copy_interpreter(root: Path) -> None:
    """The interpreter and the packages below `root`, as a virtual environment; hard links where there can be some."""
    shutil.rmtree(root, ignore_errors=True)
    base, venv, version = root / "python", root / "venv", f"python{sys.version_info.major}.{sys.version_info.minor}"
    _share(Path(sys.base_prefix) / "lib" / version, base / "lib" / version, {"site-packages", "test", "idlelib"})
    for library in (Path(sys.base_prefix) / "lib").glob("libpython*"):
        _share_file(library, base / "lib" / library.name)
    _share_file(Path(sys.executable).resolve(), base / "bin" / version)
    _share(Path(sys.prefix) / "lib" / version, venv / "lib" / version, set())
    _share(Path(sys.prefix) / "chdb", venv / "chdb", set())
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(base / "bin" / version)
    (venv / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\ninclude-system-site-packages = false\n")
    _open_to_all(root)


def _with_code(root: Path, code: Path) -> Confinement:
    """The copy with our code as it is now, in the directory `code`."""
    shutil.rmtree(code, ignore_errors=True)
    for name in (*_CODE, "web/dist"):  # copied, since an editor writes through a link, and half a change would arrive
        _share(REPOSITORY / name, code / name, set(), _copy_file)
    _open_to_all(code)
    library_path = {"LD_LIBRARY_PATH": str(root / "python" / "lib")}
    return Confinement(str(root / "venv" / "bin" / "python"), code, library_path, ACCOUNTS)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _share(source: Path, target: Path, without: set[str], file: CopyFile | None = None) -> None:
    """Make `target` the same as `source`, a file or a directory, if there is one."""
    if source.is_dir():
        ignored = shutil.ignore_patterns(*without)
        shutil.copytree(source, target, symlinks=True, copy_function=file or _share_file, ignore=ignored)
    elif source.exists():
        (file or _share_file)(source, target)


def _share_file(source: str | Path, target: str | Path) -> None:
    """A hard link where others may read the file, else a copy that they may."""
    if not Path(source).is_symlink() and Path(source).stat().st_mode & 0o044 == 0o044:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another file system
            pass
        else:
            return
    _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    """A copy that others may read."""
    source, target = Path(source), Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    shutil.copy2(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _open_to_all(root: Path) -> None:
    """Let others into all directories, regardless of the umask, and the modes of what they were copied from."""
    for directory, _, _ in os.walk(root):
        Path(directory).chmod(0o755)
