"""Which operating-system account the databases run as, and where their files may lie.

PostgreSQL refuses to run as root. When we are root, the databases run as an unprivileged account instead, whose files
must lie where it can reach them: in place, or below `OUTSIDE` when a directory on the way is closed to others.
"""

import hashlib
import os
import pwd
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
OUTSIDE = Path("/var/lib/crypto-service")
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group id to run a child as; None in its place means: as ourselves."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give `path` to the account."""
        os.chown(path, self.uid, self.gid)


def unprivileged_account() -> Account | None:
    """The account to give up root for, or None when we are not root. Raises RuntimeError when there is none."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise RuntimeError("PostgreSQL cannot run as root, and this system has neither a `postgres` nor a `nobody` account")


def as_account(account: Account | None) -> dict[str, Any]:
    """Keyword arguments for `subprocess` that run the child as `account`."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def private_dir(path: Path, account: Account | None) -> Path:
    """Make the directory `path` (0700) and give it to `account`. Returns it."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if account:
        account.own(path)
    return path


def reachable_state_dir(preferred: Path, account: Account | None) -> Path:
    """`preferred`, or a place of the same name outside the checkout where `account` could not get to it."""
    preferred.parent.mkdir(parents=True, exist_ok=True)
    if account is None or _reachable_by_others(preferred.parent):
        return preferred
    make_outside_dir()
    return outside_state_dir(preferred)


def reachable_copy(root: Path, names: Sequence[str], account: Account | None) -> Path:
    """`root`, or where `account` could not read it, a directory outside the checkout with its entries `names`."""
    if account is None or _reachable_by_others(root):
        return root
    return _copied_outside(root, names)


def reachable_program(path: Path, account: Account | None) -> Path:
    """`path`, or a copy by the same name outside the checkout where `account` could not reach it.

    A link is never resolved: one binary may be several programs, and know which by its name.
    """
    if account is None or all(map(_reachable_by_others, (path.parent, path.resolve().parent))):
        return path
    return _copied_outside(path.parent, [path.name]) / path.name


def _copied_outside(root: Path, names: Sequence[str]) -> Path:
    first = root / names[0]
    # The time of change stands for the version: a newer wheel gets a copy of its own.
    make_outside_dir()
    target = outside_dir() / f"{first.name}-{_digest(f'{first.resolve()} {first.stat().st_mtime_ns}')}"
    if not target.exists():
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        partial.mkdir()
        partial.chmod(0o755)
        for name in names:
            if (root / name).is_dir():
                shutil.copytree(root / name, partial / name, symlinks=True)
            else:
                shutil.copy2(root / name, partial / name)
        partial.rename(target)
    return target


def outside_state_dir(preferred: Path) -> Path:
    """Where `preferred` lies when it lies outside the checkout."""
    return outside_dir() / f"{preferred.name}-{_digest(str(preferred.resolve()))}"


def outside_dir(checkout: Path = REPOSITORY) -> Path:
    """Where everything lies that this checkout keeps outside itself."""
    return OUTSIDE / f"{checkout.name}-{_digest(str(checkout.resolve()))}"


def make_outside_dir() -> None:
    """Make the directory outside the checkout, whose names are root's alone."""
    for directory in (OUTSIDE, outside_dir()):
        directory.mkdir(exist_ok=True)
        directory.chmod(0o711)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _reachable_by_others(path: Path) -> bool:
    """Whether any account may enter every directory down to `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in (path.resolve(), *path.resolve().parents) if parent.is_dir())


def own_all(path: Path, account: Account | None) -> None:
    """Give everything below `path` to the account, unless the directory itself is the account's already."""
    if account is None or path.stat().st_uid == account.uid:
        return
    for directory, _, files in os.walk(path):
        for name in files:
            os.chown(Path(directory) / name, account.uid, account.gid, follow_symlinks=False)
    for directory, _, _ in os.walk(path, topdown=False):
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
