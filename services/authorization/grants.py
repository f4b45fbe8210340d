"""Grants of tokens: what a login opens and what a refresh continues, each within the caller's transaction."""

import uuid
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.authorization import session_store
from services.authorization.account_store import Credentials
from services.authorization.client import Client
from services.authorization.session_store import FamilyMember
from services.authorization.sessions import SessionPolicy, Verdict
from services.authorization.tokens import AccessTokenIssuer, new_refresh_token, refresh_token_hash
from services.common.tokens import Tokens

EndedSession = tuple[int, uuid.UUID]
"""User and session."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Stores the refresh tokens, and signs the access tokens, of sessions."""

    issuer: AccessTokenIssuer
    policy: SessionPolicy

    async def open_session(
        self, connection: AsyncConnection, known: Credentials, client: Client, replaced_token: str | None
    ) -> tuple[Tokens, list[EndedSession]]:
        """The tokens of a new session, and the sessions that end with it: too many, or replaced.

        Raises SQLAlchemy's IntegrityError if the account is gone.
        """
        user_id, refresh = known.user_id, new_refresh_token()
        session_id = await session_store.add_session(connection, user_id, client, self.policy)
        await session_store.add_refresh_token(connection, session_id, refresh_token_hash(refresh))
        surplus = await session_store.surplus_sessions(connection, user_id, self.policy)
        await session_store.revoke(connection, user_id, surplus)
        ended = [(user_id, each) for each in surplus]
        ended += await self._end_replaced(connection, replaced_token)
        # Signed before the commit: a deletion waits for our locks, so its date is never before the token's.
        return Tokens(self.issuer.issue(user_id, known.name, session_id), refresh), ended

    async def rotate(
        self, connection: AsyncConnection, member: FamilyMember, token_hash: bytes, verdict: Verdict, client: Client
    ) -> Tokens:
        """The successors of a refresh token, which is spent, or used once more within its grace."""
        if verdict is Verdict.GRACE:
            await session_store.count_grace_use(connection, token_hash)
        else:
            await session_store.spend(connection, token_hash)
            await session_store.supersede(connection, member.session_id, token_hash, self.policy)
        refresh = new_refresh_token()
        await session_store.add_refresh_token(connection, member.session_id, refresh_token_hash(refresh), token_hash)
        await session_store.touch(connection, member.session_id, client)
        return Tokens(self.issuer.issue(member.user_id, member.name, member.session_id), refresh)

    async def _end_replaced(self, connection: AsyncConnection, token: str | None) -> list[EndedSession]:
        """End the session of `token`, of any user: its bearer has a new one now."""
        found = await session_store.find_session_of_token(connection, refresh_token_hash(token)) if token else None
        if found is None:
            return []
        session_id, user_id = found
        await session_store.revoke(connection, user_id, [session_id])
        return [(user_id, session_id)]
