"""`python -m services.profile` serves; `migrate` brings the database up to date; `openapi` prints the API's form."""

import asyncio
import json
import sys
from pathlib import Path

from services.common.database import upgrade
from services.common.lifecycle import run
from services.common.settings import load_settings
from services.profile.api import describe_api
from services.profile.app import app
from services.profile.settings import MigrationSettings, Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> None:
    match sys.argv[1:]:
        case []:
            run("profile", load_settings(Settings), app)
        case ["migrate"]:
            asyncio.run(upgrade(load_settings(MigrationSettings).database_url, MIGRATIONS))
        case ["openapi"]:
            sys.stdout.write(json.dumps(describe_api().openapi(), ensure_ascii=False, indent=2) + "\n")
        case _:
            sys.exit("usage: python -m services.profile [migrate | openapi]")


if __name__ == "__main__":
    main()
