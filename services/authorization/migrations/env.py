"""Alembic's entry point: one connection, one transaction, one runner at a time.

The URL comes in `config.attributes["url"]` (services/common/migrations.py).
"""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.authorization.schema import metadata

RUNNER_LOCK = 0x61757468
"""The advisory lock that a runner holds; a second runner waits, then finds nothing to do."""

RUNNER_LOCK_TIMEOUT = "120s"


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{RUNNER_LOCK_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RUNNER_LOCK})
        context.run_migrations()


async def _run() -> None:
    engine = create_async_engine(context.config.attributes["url"], poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_run())
