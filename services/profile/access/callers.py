"""Callers by their access tokens, checked here and against the revocations in Redis. Closed when in doubt."""

from dataclasses import dataclass

from services.common.errors import UnauthenticatedError
from services.common.tokens import AccessClaims, ExpiredTokenError, InvalidTokenError, TokenVerifier
from services.profile.access.redis import redis_answers
from services.profile.access.revocations import Revocations


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user, and the token that proves it."""

    claims: AccessClaims
    token: str

    @property
    def user_id(self) -> int:
        return self.claims.user_id


class Access:
    """Authenticates callers."""

    def __init__(self, verifier: TokenVerifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self._revocations = revocations

    def read(self, token: str) -> AccessClaims:
        """The token's claims, verified by signature and times alone. Raises UnauthenticatedError."""
        try:
            return self._verifier.verify(token)
        except ExpiredTokenError as error:
            raise UnauthenticatedError("token_expired", "The access token has expired. Refresh it.") from error
        except InvalidTokenError as error:
            raise UnauthenticatedError("invalid_token", "The access token is not valid. Log in again.") from error

    def owner(self, token: str) -> int | None:
        """The user id in a token that may have expired; None if there is none."""
        return self._verifier.owner(token)

    def identify(self, token: str | None) -> Caller:
        """Whose the token is, by its signature and times alone: its session may have ended. UnauthenticatedError."""
        if not token:
            raise UnauthenticatedError("missing_token", "Log in and send the access token: `Authorization: Bearer …`.")
        return Caller(self.read(token), token)

    async def authenticate(self, token: str | None) -> Caller:
        """Whose the token is; it is valid and not revoked. Raises UnauthenticatedError, UnavailableError."""
        caller = self.identify(token)
        await self.require_not_revoked(caller.claims)
        return caller

    async def require_not_revoked(self, claims: AccessClaims) -> None:
        """Raises UnauthenticatedError if the session, or all of the user's, ended; UnavailableError."""
        with redis_answers():
            revoked = await self._revocations.covers(claims.bearer)
        if revoked:
            raise UnauthenticatedError("session_ended", "This session has ended. Log in again.")
