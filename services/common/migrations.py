"""Migrations of a PostgreSQL database by Alembic, in a module of its own: services serve without loading it."""

import asyncio
import re
import sys
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from services.common.database import asyncpg_url

_TAKEN = ("42P07", "42701", "42710", "42703", "42P01")
"""PostgreSQL's SQLSTATEs of a name that is taken, and of a column or table that a table made elsewhere lacks."""


class MigrationError(Exception):
    """A database that cannot be brought up to date, and was not changed. The text is a sentence for the operator."""


async def upgrade(url: str, migrations: Path) -> None:
    """Bring the database at `url` to the newest revision under `migrations`. Idempotent; one runner at a time wins.

    All revisions are one transaction. Raises `MigrationError`.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["url"] = asyncpg_url(url)
    try:
        await asyncio.to_thread(command.upgrade, config, "head")
    except (DBAPIError, CommandError, OSError, asyncpg.PostgresError) as error:
        raise MigrationError(_migration_failure(error)) from error


def migrate(url: str, migrations: Path) -> None:
    """As `upgrade`, for a command: what goes wrong ends the process with one sentence (exit code 1)."""
    try:
        asyncio.run(upgrade(url, migrations))
    except MigrationError as error:
        sys.exit(f"migrate: {error}")


def _migration_failure(error: Exception) -> str:
    if isinstance(error, CommandError):
        return f"the database was migrated by another program or a newer version ({error}); use a database of its own"
    cause = getattr(error, "orig", None) or error
    if getattr(cause, "sqlstate", None) in _TAKEN:
        found = re.search(r'(?:relation|table|type|index|column) "[^"]+"', str(cause))
        what = found[0] if found else "a table of ours"
        return (
            f"the database holds {what} that another program made (the Go original has tables of the same names): "
            "use an empty database, and bring its rows over with import-go"
        )
    return f"the database cannot be migrated ({str(cause).splitlines()[0] if str(cause) else type(cause).__name__})"
