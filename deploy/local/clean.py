"""`make clean`: delete what `make run` keeps for this checkout, after saying what and asking."""

import shutil
import sys

from deploy.local.account import outside_dir
from deploy.local.backfill import ENVIRONMENT as BACKFILL
from deploy.local.errors import LaunchError
from deploy.local.lock import only_launcher
from deploy.local.settings import LauncherSettings
from services.common.settings import load_settings

KEPT = ("secrets.json", "ports.json", "postgres", "postgres.partial", "redis", "kafka", "clickhouse", BACKFILL, "logs")


def main() -> None:
    state_dir = load_settings(LauncherSettings).state_dir
    places = [place for place in (*(state_dir / name for name in KEPT), outside_dir()) if place.exists()]
    if not places:
        print("There is nothing to delete.")
        return
    print("This deletes all accounts, portfolios, kept ticks, secrets and logs of this checkout:")
    print("\n".join(f"  {place}" for place in places))
    if sys.stdin.isatty() and input("Delete? [y/N] ").strip().lower() not in ("y", "yes"):
        sys.exit("Nothing was deleted.")
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


if __name__ == "__main__":
    main()
