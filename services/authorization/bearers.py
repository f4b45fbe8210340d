"""Bearers of access tokens: whose a token is, and whether their account and session still are."""

import uuid
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.authorization import account_store
from services.authorization.errors import ExpiredAccessTokenError, InvalidAccessTokenError
from services.authorization.sessions import SessionPolicy
from services.common.tokens import ExpiredTokenError, InvalidTokenError, TokenVerifier


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose a valid access token is. `session_id` is None in the Go original's tokens."""

    user_id: int
    session_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Bearers:
    """Reads access tokens, and looks up who holds them."""

    verifier: TokenVerifier
    policy: SessionPolicy

    def identify(self, access_token: str | None) -> Bearer:
        """Whose the token is, by signature and times alone. Raises InvalidAccessTokenError."""
        try:
            claims = self.verifier.verify(access_token or "")
        except ExpiredTokenError as error:
            raise ExpiredAccessTokenError from error
        except InvalidTokenError as error:
            raise InvalidAccessTokenError from error
        if claims.session_id is None:
            return Bearer(claims.user_id, None)
        session_id = parse_session_id(claims.session_id)
        if session_id is None:
            raise InvalidAccessTokenError
        return Bearer(claims.user_id, session_id)

    def identify_unless_expired(self, access_token: str | None) -> Bearer | None:
        """As `identify`; None for an expired token, and without one."""
        if not access_token:
            return None
        try:
            return self.identify(access_token)
        except ExpiredAccessTokenError:
            return None

    async def require_holder(self, connection: AsyncConnection, bearer: Bearer) -> str:
        """The account's name. Raises InvalidAccessTokenError if the account is gone or the session has ended."""
        holder = await account_store.find_holder(connection, bearer.user_id, bearer.session_id, self.policy)
        if holder is None or not holder.session_active:
            raise InvalidAccessTokenError
        return holder.name


def parse_session_id(text: str) -> uuid.UUID | None:
    """The session's id, or None for what is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
