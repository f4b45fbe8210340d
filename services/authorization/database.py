"""Transactions whose failures are ours: a database that is down, gone or slow is `UnavailableError`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from sqlalchemy import exc, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.authorization.errors import StoreRefusesError, UnavailableError
from services.authorization.schema import accounts
from services.authorization.storage import Storage
from services.common.database import is_refusal

_OUR_OWN_MISTAKES = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)
_NO_ANSWER = (exc.DBAPIError, exc.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


_UNDEFINED_TABLE = "42P01"
"""PostgreSQL's SQLSTATE, Appendix A. The migrations have not run yet: the same as a database that is not there."""


@dataclass(frozen=True, slots=True)
class Database:
    """The service's database."""

    engine: AsyncEngine
    storage: Storage

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end. READ COMMITTED: every statement sees what is committed by then.

        Raises `UnavailableError`; whether a commit whose answer was lost took effect is then unknown. A database that
        refuses to store (a full disk) raises `StoreRefusesError`.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except _OUR_OWN_MISTAKES as error:
            if _lacks_tables(error):
                raise UnavailableError from error
            raise
        except _NO_ANSWER as error:
            raise (StoreRefusesError if is_refusal(error) else UnavailableError) from error

    @asynccontextmanager
    async def storing(self) -> AsyncIterator[AsyncConnection]:
        """As `transaction`, for one that adds rows: readiness reports it if there is no room for them."""
        with self.storage.storing("database"):
            async with self.transaction() as connection:
                yield connection

    async def check(self) -> None:
        """A readiness check: raises unless the database answers and has our tables."""
        async with self.engine.connect() as connection:
            await connection.execute(select(accounts.c.id).limit(1))


def _lacks_tables(error: exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _UNDEFINED_TABLE
