"""Accounts in PostgreSQL: the statements, each within the caller's transaction."""

import uuid
from dataclasses import dataclass

from sqlalchemy import and_, delete, exists, func, insert, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.authorization.schema import accounts, revocations, sessions
from services.authorization.session_store import is_active
from services.authorization.sessions import SessionPolicy


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is checked against, and the account's name."""

    user_id: int
    name: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class Holder:
    """An account as the bearer of a token sees it. `session_active` is True for a token that names no session."""

    name: str
    session_active: bool


async def name_exists(connection: AsyncConnection, key: str) -> bool:
    """Whether an account has this name key."""
    return bool(await connection.scalar(select(exists().where(accounts.c.name_key == key))))


async def add_account(connection: AsyncConnection, name: str, key: str, password_hash: str) -> int | None:
    """A new account's id; None if the name was taken first."""
    statement = (
        postgresql.insert(accounts)
        .values(name=name, name_key=key, password_hash=password_hash)
        .on_conflict_do_nothing(index_elements=[accounts.c.name_key])
        .returning(accounts.c.id)
    )
    user_id: int | None = await connection.scalar(statement)
    return user_id


async def find_credentials(connection: AsyncConnection, key: str) -> Credentials | None:
    """The credentials of the account with this name key."""
    statement = select(accounts.c.id, accounts.c.name, accounts.c.password_hash).where(accounts.c.name_key == key)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Credentials(*row)


async def replace_hash(connection: AsyncConnection, user_id: int, old: str, new: str) -> None:
    """Store another hash of the same password, unless the account's hash has changed since it was read."""
    statement = update(accounts).where(accounts.c.id == user_id, accounts.c.password_hash == old)
    await connection.execute(statement.values(password_hash=new))


async def find_holder(
    connection: AsyncConnection, user_id: int, session_id: uuid.UUID | None, policy: SessionPolicy
) -> Holder | None:
    """The account, and whether this session of it is active."""
    active = (
        true()
        if session_id is None
        else exists().where(and_(sessions.c.id == session_id, sessions.c.user_id == user_id, is_active(policy)))
    )
    row = (await connection.execute(select(accounts.c.name, active).where(accounts.c.id == user_id))).one_or_none()
    return None if row is None else Holder(*row)


async def remove_account(connection: AsyncConnection, user_id: int) -> None:
    """Delete the account with its sessions and tokens, and note the revocation. Idempotent.

    The deletion waits for every open login and refresh of the account (they hold locks on its rows), and the
    revocation is dated afterwards: no token of a deleted account is younger than its revocation.
    """
    gone = await connection.execute(delete(accounts).where(accounts.c.id == user_id))
    if gone.rowcount:
        await connection.execute(insert(revocations).values(user_id=user_id, revoked_at=func.clock_timestamp()))
