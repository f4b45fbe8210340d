"""Transactions whose failures are ours: a database that is down, gone or slow is `UnavailableError`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy import exc, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.authorization.errors import UnavailableError
from services.authorization.schema import accounts

_OUR_OWN_MISTAKES = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)
_NO_ANSWER = (exc.DBAPIError, exc.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


_UNDEFINED_TABLE = "42P01"
"""PostgreSQL's SQLSTATE, Appendix A. The migrations have not run yet: the same as a database that is not there."""


@dataclass(frozen=True, slots=True)
class Database:
    """The service's database."""

    engine: AsyncEngine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end. READ COMMITTED: every statement sees what is committed by then.

        Raises `UnavailableError`; whether a commit whose answer was lost took effect is then unknown.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except _OUR_OWN_MISTAKES as error:
            if _lacks_tables(error):
                raise UnavailableError from error
            raise
        except _NO_ANSWER as error:
            raise UnavailableError from error

    async def check(self) -> None:
        """A readiness check: raises unless the database answers and has our tables."""
        async with self.engine.connect() as connection:
            await connection.execute(select(accounts.c.id).limit(1))


def _lacks_tables(error: exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _UNDEFINED_TABLE
