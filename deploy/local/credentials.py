"""The secrets of this installation: drawn once, kept in one file that only its owner can read, never printed."""

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from deploy.local.errors import LaunchError

PASSWORDS = (
    *("postgres", "authorization", "profile"),
    *("redis", "redis_authorization", "redis_aggregator", "redis_profile", "redis_dashboard", "redis_backfill"),
    *("clickhouse", "clickhouse_reader"),
)


class Credentials(msgspec.Struct, frozen=True):
    """`passwords` by what they open; `jwt_keys` kid → secret, of which `jwt_active_kid` signs."""

    passwords: dict[str, str]
    jwt_keys: dict[str, str]
    jwt_active_kid: str

    def __repr__(self) -> str:
        return "Credentials(…)"


class _Stored(msgspec.Struct):
    passwords: dict[str, str]
    jwt_keys: dict[str, str]
    jwt_active_kid: str

    def __post_init__(self) -> None:
        if "postgres" not in self.passwords or self.jwt_active_kid not in self.jwt_keys:
            raise ValueError("a part is missing")


def load_or_make(path: Path) -> Credentials:
    """What `path` holds, with what is missing drawn and written there (0600, whole or not at all).

    Raises LaunchError if it is damaged: passwords drawn anew would not open the databases.
    """
    stored: dict[str, Any] = _stored(path) if path.exists() else {}
    passwords = {name: secrets.token_urlsafe(24) for name in PASSWORDS} | stored.get("passwords", {})
    today = datetime.now(UTC).date().isoformat()
    jwt_keys = stored.get("jwt_keys") or {today: secrets.token_urlsafe(48)}
    active = stored.get("jwt_active_kid", max(jwt_keys))
    complete = {"passwords": passwords, "jwt_keys": jwt_keys, "jwt_active_kid": active}
    if complete != stored:
        write_private(path, json.dumps(complete, indent=2))
    return msgspec.convert(complete, Credentials)


def _stored(path: Path) -> dict[str, Any]:
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LaunchError(
            f"{path} is damaged ({error}). It holds the passwords of the databases: put a copy of it back. "
            "Without a copy, `make clean` deletes all accounts and portfolios and begins anew."
        ) from error
    return msgspec.to_builtins(stored)  # type: ignore[no-any-return]


def write_private(path: Path, text: str) -> None:
    """Put `text` into `path`, for its owner's eyes, whole or not at all, also if power is lost."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
