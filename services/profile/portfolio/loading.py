"""Portfolios, read for many callers at once."""

from services.common.batches import Batches
from services.common.database import STATEMENT_TIMEOUT_S
from services.common.errors import UnavailableError
from services.profile.portfolio.rules import Portfolio
from services.profile.portfolio.store import PortfolioStore

BATCH_TIMEOUT_S = 2 * STATEMENT_TIMEOUT_S
"""To wait for a connection, and for the statement."""


class PortfolioLoader:
    """`load` while `run` runs: a thousand people who come back at once are a dozen statements, not a thousand."""

    def __init__(self, store: PortfolioStore) -> None:
        self._batches: Batches[int, Portfolio | None] = Batches(store.load_all, timeout_s=BATCH_TIMEOUT_S)
        self.run = self._batches.run

    async def load(self, user_id: int) -> Portfolio | None:
        """The user's portfolio; None when there is no such user here. Raises UnavailableError. Safe to cancel."""
        try:
            return await self._batches.get(user_id)
        except TimeoutError as error:
            raise UnavailableError("database_unavailable", "Portfolios cannot be reached now. Try again.") from error
