"""`python -m services.authorization` serves; with `migrate` it brings the database up to date and exits."""

import asyncio
import sys
from pathlib import Path

from services.authorization.app import app
from services.authorization.settings import AuthorizationSettings, DatabaseSettings
from services.common.database import upgrade
from services.common.lifecycle import run
from services.common.settings import load_settings

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> None:
    if sys.argv[1:] == ["migrate"]:
        asyncio.run(upgrade(load_settings(DatabaseSettings).database_url, MIGRATIONS))
    elif sys.argv[1:]:
        sys.exit("usage: python -m services.authorization [migrate]")
    else:
        run("authorization", load_settings(AuthorizationSettings), app)


if __name__ == "__main__":
    main()
