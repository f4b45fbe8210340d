"""Portfolios in PostgreSQL. Every method is one transaction, or fails with UnavailableError and changed nothing.

(A connection that breaks during COMMIT leaves it open whether it took effect; repeating a request is then safe: 409,
404 or the same state show what happened.)
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.common.database import is_refusal
from services.common.errors import ConflictError, StoreRefusesError, UnavailableError
from services.profile.portfolio.rules import Coin, Portfolio

log = structlog.get_logger()

MAX_COINS = 500
"""Coins in one portfolio. The document that every price change sends grows with it."""

_LOAD = text(
    "SELECT u.id, u.name, u.currency, c.symbol, trim_scale(c.quantity) AS quantity"
    " FROM users u LEFT JOIN coins c ON c.user_id = u.id WHERE u.id = ANY(:user_ids) ORDER BY c.id"
)
_COINS = text("SELECT id, user_id, symbol, trim_scale(quantity) FROM coins WHERE user_id = :user_id ORDER BY id")
_HELD = text("SELECT symbol FROM coins GROUP BY symbol ORDER BY count(*) DESC, symbol LIMIT :most")
_PUT_USER = text(
    "INSERT INTO users (id, name) VALUES (:user_id, :name)"
    " ON CONFLICT (id) DO UPDATE SET name = users.name RETURNING name"
)
_LOCK_USER = text("SELECT id FROM users WHERE id = :user_id FOR UPDATE")
_COUNT_COINS = text("SELECT count(*) FROM coins WHERE user_id = :user_id")
_ADD_COIN = text(
    "INSERT INTO coins (user_id, symbol, quantity) VALUES (:user_id, :symbol, :quantity)"
    " ON CONFLICT (user_id, symbol) DO NOTHING RETURNING id"
)
_SET_QUANTITY = text("UPDATE coins SET quantity = :quantity WHERE user_id = :user_id AND symbol = :symbol RETURNING id")
_REMOVE_COIN = text("DELETE FROM coins WHERE user_id = :user_id AND symbol = :symbol RETURNING id")
_SET_CURRENCY = text("UPDATE users SET currency = :currency WHERE id = :user_id")
_DELETE_USER = text("DELETE FROM users WHERE id = :user_id AND name = :name")
_NAME = text("SELECT name FROM users WHERE id = :user_id FOR UPDATE")


class PortfolioStore:
    """Users and their coins. Quantities go in and come out exact."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self, user_id: int) -> Portfolio | None:
        """The user's portfolio; None when there is no such user here."""
        return (await self.load_all([user_id]))[0]

    async def load_all(self, user_ids: Sequence[int]) -> list[Portfolio | None]:
        """The portfolios of these users, in their order; None where there is no such user here."""
        async with self._transaction() as connection:
            rows = (await connection.execute(_LOAD, {"user_ids": list(user_ids)})).all()
        quantities: dict[int, dict[str, Decimal]] = {row.id: {} for row in rows}
        for row in rows:
            if row.symbol is not None:
                quantities[row.id][row.symbol] = row.quantity
        found = {row.id: Portfolio(row.id, row.name, quantities[row.id], row.currency) for row in rows}
        return [found.get(user_id) for user_id in user_ids]

    async def coins(self, user_id: int) -> list[Coin]:
        """The user's coins in the order of adding."""
        async with self._transaction() as connection:
            rows = await connection.execute(_COINS, {"user_id": user_id})
            return [Coin(*row) for row in rows]

    async def held_symbols(self, most: int) -> frozenset[str]:
        """The symbols in all portfolios, `most` at most: those that most people hold."""
        async with self._transaction() as connection:
            return frozenset((await connection.execute(_HELD, {"most": most})).scalars())

    async def put_user(self, user_id: int, name: str) -> str:
        """Make the user's row unless there is one, which stays as it is; the name in the row."""
        async with self._transaction() as connection:
            stored: str = (await connection.execute(_PUT_USER, {"user_id": user_id, "name": name})).scalar_one()
            return stored

    async def add_coin(self, user_id: int, symbol: str, quantity: Decimal) -> None:
        """Raises ConflictError when the coin is there already or the portfolio is full.

        The lock on the user's row lets one addition count at a time, so that the bound holds.
        """
        async with self._transaction() as connection:
            await connection.execute(_LOCK_USER, {"user_id": user_id})
            count = (await connection.execute(_COUNT_COINS, {"user_id": user_id})).scalar_one()
            values = {"user_id": user_id, "symbol": symbol, "quantity": quantity}
            added = await connection.execute(_ADD_COIN, values)
            if added.first() is None:
                raise ConflictError(
                    "coin_exists", f"{symbol} is in your portfolio already. Change its quantity with PATCH."
                )
            if count >= MAX_COINS:
                raise ConflictError("too_many_coins", f"A portfolio holds at most {MAX_COINS} coins. Remove one first.")

    async def set_quantity(self, user_id: int, symbol: str, quantity: Decimal) -> bool:
        """False when the user has no such coin."""
        async with self._transaction() as connection:
            values = {"user_id": user_id, "symbol": symbol, "quantity": quantity}
            return (await connection.execute(_SET_QUANTITY, values)).first() is not None

    async def set_currency(self, user_id: int, currency: str) -> None:
        """Value the user's portfolio in `currency`."""
        async with self._transaction() as connection:
            await connection.execute(_SET_CURRENCY, {"user_id": user_id, "currency": currency})

    async def remove_coin(self, user_id: int, symbol: str) -> bool:
        """False when the user has no such coin."""
        async with self._transaction() as connection:
            return (await connection.execute(_REMOVE_COIN, {"user_id": user_id, "symbol": symbol})).first() is not None

    @asynccontextmanager
    async def deleting(self, user_id: int, is_owner: Callable[[str], bool]) -> AsyncIterator[None]:
        """Delete the user and their coins; committed when the block ends well, undone when it raises.

        A row whose name `is_owner` denies stays.
        """
        async with self._transaction() as connection:
            name = (await connection.execute(_NAME, {"user_id": user_id})).scalar_one_or_none()
            if name is not None and is_owner(name):
                await connection.execute(_DELETE_USER, {"user_id": user_id, "name": name})
            yield

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError as error:  # the one left: the user's row went while we added to it
            raise ConflictError("account_changed", "The account was changed at the same time. Try again.") from error
        except (ProgrammingError, DataError):
            raise  # a fault of ours, not of the database's
        except (DBAPIError, PoolTimeoutError, OSError, TimeoutError) as error:
            log.warning("database.unavailable", error=type(error).__name__)
            if is_refusal(error):
                raise StoreRefusesError from error
            raise UnavailableError("database_unavailable", "Portfolios cannot be reached now. Try again.") from error
