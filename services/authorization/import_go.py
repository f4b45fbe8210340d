"""Accounts of the Go original: its table `users` (id, name, password as a bcrypt hash), ids and hashes as they are."""

import re
from collections.abc import Sequence

import asyncpg

from services.authorization.errors import InvalidNameError
from services.authorization.names import name_key, normal_name
from services.common.imports import Report, batches

_SOURCE = "SELECT id, name, password FROM users ORDER BY id"
_LOCK = "LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE"
_EXISTING = "SELECT id, name_key FROM accounts WHERE id = ANY($1::bigint[]) OR name_key = ANY($2::text[])"
_INSERT = "INSERT INTO accounts (id, name, name_key, password_hash) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)"
_NEXT_ID = (
    "SELECT setval(pg_get_serial_sequence('accounts', 'id'), greatest((SELECT max(id) FROM accounts), last_value))"
    " FROM accounts_id_seq WHERE EXISTS (SELECT FROM accounts)"
)
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")


async def import_accounts(source: asyncpg.Connection, target: asyncpg.Connection) -> Report:
    """Add the accounts that are missing; an account that is there keeps its password. Registrations wait meanwhile."""
    report = Report()
    await target.execute(_LOCK)
    async for rows in batches(source, _SOURCE):
        await _import_batch(rows, target, report)
        report.show("accounts")
    await target.execute(_NEXT_ID)
    return report


async def _import_batch(rows: Sequence[asyncpg.Record], target: asyncpg.Connection, report: Report) -> None:
    accounts = [account for row in rows if (account := _account(row, report)) is not None]
    ids, keys = [account[0] for account in accounts], [account[2] for account in accounts]
    existing = await target.fetch(_EXISTING, ids, keys)
    keys_by_id = {row["id"]: row["name_key"] for row in existing}
    ids_by_key = {row["name_key"]: row["id"] for row in existing}
    for account in accounts:
        user_id, name, key, _ = account
        holder = ids_by_key.setdefault(key, user_id)
        if keys_by_id.get(user_id) == key:
            report.kept += 1
        elif user_id in keys_by_id:
            report.problems.append(f"users.id {user_id}: {name!r}: another account has this id here")
        elif holder != user_id:
            report.problems.append(f"users.id {user_id}: {name!r} is the same name as that of id {holder}")
        else:
            await target.execute(_INSERT, *account)
            report.added += 1


def _account(row: asyncpg.Record, report: Report) -> tuple[int, str, str, str] | None:
    user_id, name, password = row["id"], row["name"] or "", row["password"] or ""
    if not isinstance(user_id, int) or user_id < 1:
        report.problems.append(f"users.id {user_id}: {name!r}: the id is no number above 0")
    elif not _BCRYPT.fullmatch(password):
        report.problems.append(f"users.id {user_id}: {name!r}: the password is no bcrypt hash")
    else:
        try:
            return user_id, normal_name(name), name_key(name), password
        except InvalidNameError as error:
            report.problems.append(f"users.id {user_id}: {name!r}: {error}")
    return None
