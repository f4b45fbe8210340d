"""PostgreSQL through SQLAlchemy: engines with deadlines."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

STATEMENT_TIMEOUT_S = 5.0
_REFUSED = ("53100", "25006")
"""PostgreSQL's SQLSTATEs of a full disk, and of a database that can only be read: a standby, or what a host makes of
one whose disk is full."""


def create_engine(url: str, pool_size: int = 10) -> AsyncEngine:
    """An engine for a `postgresql://` URL. Every connect, wait and statement has a deadline; stale connections heal.

    Close it with `await engine.dispose()`.
    """
    return create_async_engine(
        asyncpg_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=STATEMENT_TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged, and parameters hold what must not be: hashes, names
        connect_args={
            "timeout": STATEMENT_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {"statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1000))},
        },
    )


async def check_engine(engine: AsyncEngine) -> None:
    """A readiness check: raises unless the database answers."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


def is_refusal(error: BaseException) -> bool:
    """Whether a failure means that the database answers and refuses to store."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) in _REFUSED


def asyncpg_url(url: str) -> str:
    """The same URL, for SQLAlchemy's asyncpg dialect."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)
