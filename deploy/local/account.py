"""Which operating-system account the infrastructure runs as, and where its files may lie.

PostgreSQL refuses to run as root. When we are root, it runs as an unprivileged account instead, whose files must lie
where that account can reach them.
"""

import hashlib
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group id to run a child as; None means: as ourselves."""

    uid: int
    gid: int

    def own(self, directory: Path) -> None:
        """Make `directory` (0700) and give it to the account."""
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, self.uid, self.gid)
        directory.chmod(0o700)


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


def reachable_by_others(path: Path) -> bool:
    """Whether any account may enter every directory down to `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in (path.resolve(), *path.resolve().parents) if parent.is_dir())


def reachable_state_dir(preferred: Path, account: Account | None) -> Path:
    """`preferred`, or a directory named after it under /var/lib when `account` could not get to it."""
    preferred.parent.mkdir(parents=True, exist_ok=True)
    if account is None or reachable_by_others(preferred.parent):
        return preferred
    digest = hashlib.sha256(str(preferred.resolve()).encode()).hexdigest()[:12]
    return Path("/var/lib/crypto-service") / f"{preferred.name}-{digest}"


def reachable_copy(source: Path, account: Account | None) -> Path:
    """`source`, or a copy of that tree where `account` can read it."""
    if account is None or reachable_by_others(source):
        return source
    digest = hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:12]
    target = Path("/var/lib/crypto-service") / f"{source.name}-{digest}"
    if not target.exists():
        partial = target.with_suffix(f".{os.getpid()}")
        shutil.copytree(source, partial, symlinks=True)
        partial.rename(target)
    return target
