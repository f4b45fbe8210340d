"""`make clean`: delete what `make run` keeps for this checkout, after listing it and asking.

Without a terminal to ask on, `YES=1` is required.
"""

import os
import shutil
import sys
from pathlib import Path

from deploy.local.account import outside_dir, outside_state_dir
from deploy.local.backfill import ENVIRONMENT as BACKFILL
from deploy.local.errors import LaunchError
from deploy.local.lock import only_launcher
from deploy.local.settings import LauncherSettings
from services.common.settings import load_settings

KEPT = ("secrets.json", "ports.json", "postgres", "postgres.partial", "redis", "kafka", "clickhouse", BACKFILL, "logs")
DATABASES = ("postgres", "redis", "kafka")
"""Those of `KEPT` that may lie outside the checkout."""


def main() -> None:
    state_dir = load_settings(LauncherSettings).state_dir
    places = [place for place in (*(state_dir / name for name in KEPT), *_outside(state_dir)) if place.exists()]
    if not places:
        print("There is nothing to delete.")
        return
    print("This deletes all accounts, portfolios, kept ticks, secrets and logs of this checkout:")
    print("\n".join(f"  {place}" for place in places))
    if not _agreed():
        sys.exit("Nothing was deleted.")
    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        with only_launcher(state_dir):
            for place in places:
                if place.is_dir():
                    shutil.rmtree(place)
                else:
                    place.unlink()
    except LaunchError as error:
        sys.exit(f"Nothing was deleted: {error}")
    print("Deleted.")


def _agreed() -> bool:
    if os.environ.get("YES") == "1":
        return True
    if not sys.stdin.isatty():
        print("There is no terminal to ask at: YES=1 agrees.")
        return False
    return input("Delete? [y/N] ").strip().lower() in ("y", "yes")


def _outside(state_dir: Path) -> list[Path]:
    """What lies outside the checkout: all, but where another STATE_DIR has databases there, only ours."""
    if not outside_dir().exists():
        return []
    ours = [outside_state_dir(state_dir / name) for name in DATABASES]
    others = [entry for entry in outside_dir().iterdir() if entry.name.rpartition("-")[0] in DATABASES]
    return [outside_dir()] if set(others) <= set(ours) else ours


if __name__ == "__main__":
    main()
