"""`make backfill`: fills missing candles from the exchange, with what the running launcher knows.

SYMBOL="btcusdt ethusdt" [DAYS=30 | FROM=2026-01-01] [TO=2026-02-01] python -m deploy.local.backfill
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deploy.local.credentials import write_private
from deploy.local.errors import LaunchError
from deploy.local.lock import only_launcher
from deploy.local.settings import LauncherSettings
from services.common.settings import load_settings

ENVIRONMENT = "backfill.json"
"""The launcher's file below its state directory, with a password in it: the environment of a back-fill."""
USAGE = "A symbol is required: make backfill SYMBOL=btcusdt DAYS=30"
OPTIONS = {"DAYS": "--days", "FROM": "--from", "TO": "--to"}


def remember(state_dir: Path, environment: Mapping[str, str]) -> None:
    """Write what a later `main` needs."""
    write_private(state_dir / ENVIRONMENT, json.dumps(dict(environment)))


def forget(state_dir: Path) -> None:
    """This run has no ClickHouse to fill."""
    (state_dir / ENVIRONMENT).unlink(missing_ok=True)


def main() -> None:
    symbols = os.environ.get("SYMBOL", "").split() or sys.exit(USAGE)
    environment = _environment(load_settings(LauncherSettings).state_dir)
    options = [word for name, option in OPTIONS.items() if (value := os.environ.get(name)) for word in (option, value)]
    command = [sys.executable, "-m", "services.backfill", *symbols, *options]
    os.execve(sys.executable, command, {**os.environ, **environment})  # noqa: S606 - no shell on purpose


def _environment(state_dir: Path) -> dict[str, str]:
    if not _launcher_runs(state_dir):
        sys.exit("`make run` must be running: it keeps ClickHouse up, and knows where prices come from.")
    try:
        return msgspec.json.decode((state_dir / ENVIRONMENT).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        sys.exit("The running `make run` has no ClickHouse: see what it reported when it started.")
    except msgspec.DecodeError:
        sys.exit(f"{state_dir / ENVIRONMENT} is damaged: start `make run` again, which writes it.")


def _launcher_runs(state_dir: Path) -> bool:
    if not state_dir.exists():
        return False
    try:
        with only_launcher(state_dir):
            return False
    except LaunchError:
        return True


if __name__ == "__main__":
    main()
