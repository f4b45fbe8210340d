"""`python -m services.authorization` serves; `migrate` and `import-go --from URL` do their work and exit."""

import sys
from pathlib import Path

from services.authorization.app import app
from services.authorization.settings import AuthorizationSettings, MigrationSettings
from services.common.lifecycle import run
from services.common.settings import load_settings

# What serving does not need is imported by the command that does: it would lengthen every start.

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> None:
    match sys.argv[1:]:
        case []:
            run("authorization", load_settings(AuthorizationSettings), app)
        case ["migrate"]:
            from services.common.migrations import migrate

            migrate(load_settings(MigrationSettings).database_url, MIGRATIONS)
        case ["import-go", *arguments]:
            from services.authorization.import_go import import_accounts
            from services.common.imports import run_import

            target_url = load_settings(MigrationSettings).database_url
            sys.exit(run_import(arguments, target_url, import_accounts, "python -m services.authorization import-go"))
        case _:
            sys.exit("usage: python -m services.authorization [migrate | import-go --from URL]")


if __name__ == "__main__":
    main()
