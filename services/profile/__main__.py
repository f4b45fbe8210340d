"""`python -m services.profile` serves; `migrate`, `import-go --from URL` and `openapi` do their work and exit."""

import json
import sys
from pathlib import Path

from services.common.lifecycle import run
from services.common.settings import load_settings
from services.profile.api import describe_api
from services.profile.app import app
from services.profile.settings import MigrationSettings, ProfileSettings

# What serving does not need is imported by the command that does: it would lengthen every start.

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> None:
    match sys.argv[1:]:
        case []:
            run("profile", load_settings(ProfileSettings), app)
        case ["migrate"]:
            from services.common.migrations import migrate

            migrate(load_settings(MigrationSettings).database_url, MIGRATIONS)
        case ["import-go", *arguments]:
            from services.common.imports import run_import
            from services.profile.portfolio.import_go import import_portfolios

            target_url = load_settings(MigrationSettings).database_url
            sys.exit(run_import(arguments, target_url, import_portfolios, "python -m services.profile import-go"))
        case ["openapi"]:
            sys.stdout.write(json.dumps(describe_api().openapi(), ensure_ascii=False, indent=2) + "\n")
        case _:
            sys.exit("usage: python -m services.profile [migrate | import-go --from URL | openapi]")


if __name__ == "__main__":
    main()
