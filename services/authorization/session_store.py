"""Sessions and refresh tokens in PostgreSQL: the statements, each within the caller's transaction."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.authorization.client import Client
from services.authorization.schema import accounts, refresh_tokens, revocations, sessions
from services.authorization.sessions import PresentedToken, SessionPolicy


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its owner sees it."""

    id: uuid.UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    client_address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """A stored refresh token with the session and user it belongs to."""

    session_id: uuid.UUID
    user_id: int
    name: str
    token: PresentedToken


def is_active(policy: SessionPolicy) -> ColumnElement[bool]:
    """The condition that a session is neither revoked nor over."""
    return and_(
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > func.now(),
        sessions.c.last_used_at > func.now() - policy.idle,
    )


async def add_session(connection: AsyncConnection, user_id: int, client: Client, policy: SessionPolicy) -> uuid.UUID:
    """A new session. Raises SQLAlchemy's IntegrityError if the account is gone."""
    session_id = uuid.uuid4()
    values = {
        "id": session_id,
        "user_id": user_id,
        "expires_at": func.now() + policy.lifetime,
        "client_address": client.address,
        "user_agent": client.user_agent,
    }
    await connection.execute(insert(sessions).values(values))
    return session_id


async def add_refresh_token(
    connection: AsyncConnection, session_id: uuid.UUID, token_hash: bytes, parent_hash: bytes | None = None
) -> None:
    """One more token of the session's family; `parent_hash` is the token that it succeeds."""
    values = {"session_id": session_id, "token_hash": token_hash, "parent_hash": parent_hash}
    await connection.execute(insert(refresh_tokens).values(values))


async def find_session_of_token(connection: AsyncConnection, token_hash: bytes) -> tuple[uuid.UUID, int] | None:
    """The session and user behind a refresh token, spent or not, even if the session has ended."""
    statement = (
        select(sessions.c.id, sessions.c.user_id)
        .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
        .where(refresh_tokens.c.token_hash == token_hash)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else (row.id, row.user_id)


async def lock_family(connection: AsyncConnection, token_hash: bytes) -> FamilyMember | None:
    """The token, with its session locked: uses of one family happen one after another.

    The token is read by a statement of its own after the lock, so that it is seen as the previous holder left it.
    """
    found = await find_session_of_token(connection, token_hash)
    if found is None:
        return None
    session_id, user_id = found
    lock = select(accounts.c.name).join(sessions).where(sessions.c.id == session_id).with_for_update(of=sessions)
    name: str | None = await connection.scalar(lock)
    if name is None:
        return None
    statement = (
        select(
            func.clock_timestamp(),
            sessions.c.revoked_at.is_not(None),
            sessions.c.expires_at,
            sessions.c.last_used_at,
            refresh_tokens.c.spent_at,
            refresh_tokens.c.grace_uses,
        )
        .join_from(sessions, refresh_tokens)
        .where(refresh_tokens.c.token_hash == token_hash)
    )
    row = (await connection.execute(statement)).one()
    return FamilyMember(session_id, user_id, name, PresentedToken(*row))


async def spend(connection: AsyncConnection, token_hash: bytes) -> None:
    """Mark a fresh token as used."""
    statement = update(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash)
    await connection.execute(statement.values(spent_at=func.clock_timestamp()))


async def supersede(
    connection: AsyncConnection, session_id: uuid.UUID, token_hash: bytes, policy: SessionPolicy
) -> None:
    """Count the session's other unused tokens as spent, once the grace of the token that they succeed is over.

    Tabs share one cookie, so by then one line of tokens is left in the browser, and this token is it. A token of
    another line that comes back later is reused like any spent one: that line is in other hands.
    """
    parent = refresh_tokens.alias("parent")
    statement = (
        update(refresh_tokens)
        .where(
            refresh_tokens.c.session_id == session_id,
            refresh_tokens.c.spent_at.is_(None),
            refresh_tokens.c.token_hash != token_hash,
            parent.c.token_hash == refresh_tokens.c.parent_hash,
            parent.c.spent_at <= func.clock_timestamp() - policy.grace,
        )
        .values(spent_at=parent.c.spent_at)
    )
    await connection.execute(statement)


async def count_grace_use(connection: AsyncConnection, token_hash: bytes) -> None:
    """Note one more successor of a spent token."""
    statement = update(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash)
    await connection.execute(statement.values(grace_uses=refresh_tokens.c.grace_uses + 1))


async def touch(connection: AsyncConnection, session_id: uuid.UUID, client: Client) -> None:
    """Record that the session was used now, and from which address if it is known."""
    values = {
        "last_used_at": func.clock_timestamp(),
        "client_address": func.coalesce(client.address, sessions.c.client_address),
        "user_agent": func.coalesce(client.user_agent, sessions.c.user_agent),
    }
    await connection.execute(update(sessions).where(sessions.c.id == session_id).values(values))


async def list_active(connection: AsyncConnection, user_id: int, policy: SessionPolicy) -> list[Session]:
    """The user's active sessions, the last used first; at most `sessions_per_user_max`."""
    statement = (
        select(*(sessions.c[name] for name in Session.__slots__))
        .where(sessions.c.user_id == user_id, is_active(policy))
        .order_by(sessions.c.last_used_at.desc())
        .limit(policy.sessions_per_user_max)
    )
    return [Session(*row) for row in await connection.execute(statement)]


async def surplus_sessions(connection: AsyncConnection, user_id: int, policy: SessionPolicy) -> list[uuid.UUID]:
    """The user's active sessions beyond the allowed number, those used longest ago."""
    statement = (
        select(sessions.c.id)
        .where(sessions.c.user_id == user_id, is_active(policy))
        .order_by(sessions.c.last_used_at.desc())
        .offset(policy.sessions_per_user_max)
    )
    return list(await connection.scalars(statement))


async def owns_session(connection: AsyncConnection, user_id: int, session_id: uuid.UUID) -> bool:
    """Whether the session, ended or not, is this user's."""
    statement = select(sessions.c.id).where(sessions.c.id == session_id, sessions.c.user_id == user_id)
    return await connection.scalar(statement) is not None


async def revoke(connection: AsyncConnection, user_id: int, session_ids: Collection[uuid.UUID]) -> None:
    """End these sessions of the user, and note the revocation of those that had not ended. Idempotent."""
    if not session_ids:
        return
    statement = (
        update(sessions)
        .where(sessions.c.id.in_(session_ids), sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(sessions.c.id)
    )
    ended = list(await connection.scalars(statement))
    if ended:
        values = [{"user_id": user_id, "session_id": session_id} for session_id in ended]
        await connection.execute(insert(revocations).values(values))
