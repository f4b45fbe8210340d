"""Portfolios of the Go original: its tables `users` (id, name) and `coins` (id, user_id, symbol, quantity), exact."""

import unicodedata
from decimal import Decimal

import asyncpg

from services.common.errors import InvalidError
from services.common.imports import Report, batches
from services.profile.portfolio.rules import parse_quantity, parse_symbol
from services.profile.portfolio.store import MAX_COINS

_USERS = "SELECT id, name FROM users ORDER BY id"
_COINS = "SELECT id, user_id, symbol, quantity FROM coins ORDER BY user_id, id"
_LOCK = "LOCK TABLE users, coins IN SHARE ROW EXCLUSIVE MODE"
_PUT_USER = (
    "INSERT INTO users (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = users.name RETURNING name"
)
_HELD = "SELECT DISTINCT user_id FROM coins"
_ADD_COIN = "INSERT INTO coins (user_id, symbol, quantity) VALUES ($1, $2, $3)"


async def import_portfolios(source: asyncpg.Connection, target: asyncpg.Connection) -> Report:
    """Add users that are missing, and the coins of those who have none here. Changes of portfolios wait meanwhile."""
    report = Report()
    await target.execute(_LOCK)
    held = {row["user_id"] for row in await target.fetch(_HELD)}
    known = await _import_users(source, target, report)
    seen: dict[int, set[str]] = {}
    async for rows in batches(source, _COINS):
        for row in rows:
            coin = _coin(row, known, seen, report)
            if coin is not None and coin[0] in held:
                report.kept += 1
            elif coin is not None:
                await target.execute(_ADD_COIN, *coin)
                report.added += 1
        report.show("coins")
    return report


async def _import_users(source: asyncpg.Connection, target: asyncpg.Connection, report: Report) -> set[int]:
    known: set[int] = set()
    async for rows in batches(source, _USERS):
        for row in rows:
            user_id, name = row["id"], unicodedata.normalize("NFC", row["name"] or "")
            known.add(user_id)
            stored = await target.fetchval(_PUT_USER, user_id, name)
            if stored != name:
                report.problems.append(f"users.id {user_id}: {name!r}: the row of this id here belongs to {stored!r}")
    return known


def _coin(
    row: asyncpg.Record, known: set[int], seen: dict[int, set[str]], report: Report
) -> tuple[int, str, Decimal] | None:
    where = f"coins.id {row['id']} (user {row['user_id']}, {row['symbol']!r})"
    try:
        symbol, quantity = parse_symbol(row["symbol"] or ""), parse_quantity(Decimal(row["quantity"] or 0))
    except InvalidError as error:
        report.problems.append(f"{where}: {error.sentence}")
        return None
    symbols = seen.setdefault(row["user_id"], set())
    if row["user_id"] not in known:
        report.problems.append(f"{where}: there is no such user")
    elif symbol in symbols:
        report.problems.append(f"{where}: the portfolio has this coin twice; leave one, with the quantity meant")
    elif len(symbols) >= MAX_COINS:
        report.problems.append(f"{where}: a portfolio holds at most {MAX_COINS} coins")
    else:
        symbols.add(symbol)
        return row["user_id"], symbol, quantity
    return None
