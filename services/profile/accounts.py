"""Keeps the profile's row in step with the account, which lives in the authorization service.

The row follows the account and may be late: registration can be cut between the two. So every request that needs the
row makes it when it is missing, with the name that the authorization service vouches for.
"""

import structlog

from services.profile import metrics
from services.profile.access.callers import Access, Caller
from services.profile.errors import UnauthenticatedError, UnavailableError
from services.profile.portfolio.rules import Portfolio
from services.profile.portfolio.store import PortfolioStore
from services.profile.upstream.authorization_client import Authorization, UnsupportedError

log = structlog.get_logger()


class Accounts:
    """The row's birth, healing and end."""

    def __init__(self, authorization: Authorization, store: PortfolioStore, access: Access) -> None:
        self._authorization = authorization
        self._store = store
        self._access = access

    async def registered(self, user_id: int, name: str) -> None:
        """Make the row of a new account. If the database is down the account stands all the same: heal later."""
        try:
            await self._store.put_user(user_id, name)
        except UnavailableError:
            metrics.ROWS_DEFERRED.inc()

    async def logged_in(self, caller: Caller, typed_name: str) -> None:
        """Make the row if it is missing. As in `registered`, a failure here fails nothing.

        Names are compared without case, so what was typed may not be how the name is written; it is used only where
        the authorization service (the Go original) cannot say.
        """
        try:
            await self._heal_if_missing(caller, typed_name)
        except UnavailableError:
            metrics.ROWS_DEFERRED.inc()

    async def portfolio(self, caller: Caller) -> Portfolio:
        """The caller's portfolio. Raises UnauthenticatedError when the account is gone, UnavailableError."""
        portfolio = await self._store.load(caller.user_id)
        if portfolio is not None:
            return portfolio
        try:
            name = await self._authorization.verify(caller.token)
        except UnsupportedError as error:
            raise UnauthenticatedError("profile_missing", "Log in again to make your profile.") from error
        return await self._heal(caller.user_id, name)

    async def delete(self, caller: Caller) -> None:
        """Delete portfolio and account. Raises UnauthenticatedError, UnavailableError.

        The caller is only identified: whether the session lives is for the authorization service to say, which refuses
        one that has ended, but not the bearer of an account that is gone. So a deletion that got no answer can be
        repeated until it is done, though the session went with the account.
        """
        asked = False
        try:
            async with self._store.deleting(caller.user_id):
                asked = True
                await self._delete_account(caller)
        except UnavailableError as error:
            if asked:  # the account may be gone; the rows are not, until the bearer repeats the deletion
                log.error("account.deletion_unfinished", user_id=caller.user_id, code=error.code)
            raise

    async def _delete_account(self, caller: Caller) -> None:
        try:
            await self._authorization.delete_account(caller.token)
        except UnsupportedError:  # the Go original: it neither judges the session nor deletes more than the portfolio
            await self._access.require_not_revoked(caller.claims)
            log.warning("account.not_deletable", user_id=caller.user_id)

    async def _heal_if_missing(self, caller: Caller, typed_name: str) -> None:
        if await self._store.load(caller.user_id) is not None:
            return
        try:
            name = await self._authorization.verify(caller.token)
        except UnsupportedError:
            name = typed_name
        await self._heal(caller.user_id, name)

    async def _heal(self, user_id: int, name: str) -> Portfolio:
        await self._store.put_user(user_id, name)
        metrics.ROWS_HEALED.inc()
        log.info("profile.healed", user_id=user_id)
        return Portfolio(user_id, name, {})
