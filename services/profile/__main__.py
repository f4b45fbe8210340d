"""`python -m services.profile` serves; with `migrate` it brings the database up to date and exits."""

import asyncio
import sys
from pathlib import Path

from services.common.database import upgrade
from services.common.lifecycle import run
from services.common.settings import load_settings
from services.profile.app import app
from services.profile.settings import MigrationSettings, Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> None:
    match sys.argv[1:]:
        case []:
            run("profile", load_settings(Settings), app)
        case ["migrate"]:
            asyncio.run(upgrade(load_settings(MigrationSettings).database_url, MIGRATIONS))
        case _:
            sys.exit("usage: python -m services.profile [migrate]")


if __name__ == "__main__":
    main()
