"""The profile's rows, kept in step with the accounts, which live in the authorization service.

The row follows the account and may be late: registration can be cut between the two. So every request that needs the
row makes it when it is missing, with the name that the authorization service vouches for.

Ids alone do not identify a row's owner: they start at 1 again when the accounts are replaced (another database, a
restored backup) and the portfolios are not. So a row whose name is not the account's is never shown, changed or
deleted.
"""

import unicodedata

import structlog

from services.common.errors import ApiError, ConflictError, UnauthenticatedError, UnavailableError
from services.common.tokens import Tokens
from services.profile import metrics
from services.profile.access.callers import Access, Caller
from services.profile.portfolio.loading import PortfolioLoader
from services.profile.portfolio.rules import Portfolio
from services.profile.portfolio.store import PortfolioStore
from services.profile.upstream.authorization_client import Authorization, UnsupportedError

log = structlog.get_logger()


class ForeignRowError(ConflictError):
    """The profile's row of the caller's id belongs to another name."""

    def __init__(self) -> None:
        super().__init__(
            "account_mismatch",
            "This server keeps another account's portfolio under the number of yours, so yours cannot be opened. "
            "Ask its operator to put this right.",
        )


class Accounts:
    """The row's birth, healing and end."""

    def __init__(
        self, authorization: Authorization, store: PortfolioStore, portfolios: PortfolioLoader, access: Access
    ) -> None:
        self._authorization = authorization
        self._store = store
        self._portfolios = portfolios
        self._access = access

    async def registered(self, user_id: int, name: str) -> None:
        """Make the row of a new account. If the database is down the account stands all the same: heal later.

        Raises ForeignRowError.
        """
        try:
            await self._put_user(user_id, unicodedata.normalize("NFC", name))
        except UnavailableError:
            metrics.ROWS_DEFERRED.inc()

    async def logged_in(self, caller: Caller, tokens: Tokens, typed_name: str) -> None:
        """Make the row if it is missing. As in `registered`, a database that is down fails nothing.

        The Go original's tokens carry no name, so with them this is the only time to check that the row is the user's.
        Names are compared without case, so what was typed may not be how the name is written; it is used only where
        the authorization service (the Go original) reports no name. Raises ForeignRowError, with the session ended.
        """
        try:
            await self._heal_if_missing(caller, typed_name)
        except UnavailableError:
            if caller.claims.name is None:
                raise
            metrics.ROWS_DEFERRED.inc()
        except ForeignRowError:
            await self._end_session(tokens)
            raise

    async def portfolio(self, caller: Caller) -> Portfolio:
        """The caller's portfolio. Raises ForeignRowError, UnavailableError, or UnauthenticatedError without account."""
        portfolio = await self._portfolios.load(caller.user_id)
        if portfolio is not None:
            _require_owner(portfolio, caller.claims.name)
            return portfolio
        try:
            name = await self._authorization.verify(caller.token)
        except UnsupportedError as error:
            raise UnauthenticatedError("profile_missing", "Log in again to make your profile.") from error
        return await self._heal(caller.user_id, name)

    async def delete(self, caller: Caller) -> None:
        """Delete portfolio and account. Raises UnauthenticatedError, UnavailableError.

        The caller is only identified: the authorization service checks whether the session is alive, and refuses
        one that has ended, but not the bearer of an account that is gone. So a deletion that got no answer can be
        repeated until it is done, though the session went with the account.
        """
        asked = False
        try:
            async with self._store.deleting(caller.user_id, lambda name: is_same_name(name, caller.claims.name)):
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
        portfolio = await self._store.load(caller.user_id)
        if portfolio is not None:
            _require_owner(portfolio, caller.claims.name or typed_name)
            return
        try:
            name = await self._authorization.verify(caller.token)
        except UnsupportedError:
            name = typed_name
        await self._heal(caller.user_id, name)

    async def _heal(self, user_id: int, name: str) -> Portfolio:
        await self._put_user(user_id, name)
        metrics.ROWS_HEALED.inc()
        log.info("profile.healed", user_id=user_id)
        return Portfolio(user_id, name, {})

    async def _put_user(self, user_id: int, name: str) -> None:
        stored = await self._store.put_user(user_id, name)
        _require_owner(Portfolio(user_id, stored, {}), name)

    async def _end_session(self, tokens: Tokens) -> None:
        """No tokens for a portfolio that cannot be opened; if this fails they were handed to no client either."""
        try:
            await self._authorization.logout(tokens.refresh, tokens.access)
        except ApiError as error:
            log.warning("account.session_left_open", code=error.code)


def is_same_name(stored: str, name: str | None) -> bool:
    """Whether a row's name is the account's, by Unicode's compatibility caseless form; None (not known) is."""
    return name is None or _caseless(stored) == _caseless(name)


def _caseless(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())


def _require_owner(portfolio: Portfolio, name: str | None) -> None:
    if not is_same_name(portfolio.name, name):
        metrics.ROWS_FOREIGN.inc()
        log.error(
            "account.row_of_another_name",
            user_id=portfolio.user_id,
            hint="accounts and portfolios belong to different systems: restore the accounts that belong to these "
            "portfolios; for the same person under a new name, correct the name in profile's table users",
        )
        raise ForeignRowError
