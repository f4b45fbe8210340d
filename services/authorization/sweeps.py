"""The two background tasks: revocations that Redis does not know are announced, rows whose time is over are deleted.

Both work in bounded batches, both are safe in several replicas at once, and neither ends because a dependency is down.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import Table, delete, func, select
from sqlalchemy.sql import ColumnElement

from services.authorization import metrics
from services.authorization.database import Database
from services.authorization.errors import UnavailableError
from services.authorization.revocations import Announcer, Revocation
from services.authorization.schema import refresh_tokens, revocations, sessions
from services.authorization.sessions import SessionPolicy
from services.common.tokens import LEEWAY_S

log = structlog.get_logger()

ANNOUNCE_BATCH = 1_000
PURGE_BATCH = 500
"""Rows a statement, so that each ends well within its deadline."""


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What the sweeps need."""

    database: Database
    announcer: Announcer
    policy: SessionPolicy

    async def announce_unknown(self) -> None:
        """Compare every revocation that still matters with Redis once. Raises `UnavailableError`."""
        last_id = 0
        while batch := await self._revocations_after(last_id):
            repaired = await self.announcer.announce_unknown([revocation for _, revocation in batch])
            if repaired:
                metrics.REVOCATIONS_REPAIRED.inc(repaired)
                log.warning("revocations.repaired", count=repaired)
            last_id = batch[-1][0]

    async def purge(self) -> None:
        """Delete old revocations, and sessions that were not used for the idle time, however they ended.

        A session over for another reason stays until then: a reused token is recognised, a repeated logout succeeds.
        Raises `UnavailableError`.
        """
        await self._purge(revocations, revocations.c.revoked_at < func.now() - self._matters_for)
        while await self._purge_oldest_sessions():
            pass

    @property
    def _matters_for(self) -> timedelta:
        return timedelta(seconds=self.announcer.access_lifetime_s + LEEWAY_S)

    async def _revocations_after(self, last_id: int) -> list[tuple[int, Revocation]]:
        columns = revocations.c
        statement = (
            select(columns.id, columns.user_id, columns.session_id, columns.revoked_at)
            .where(columns.id > last_id, columns.revoked_at > func.now() - self._matters_for)
            .order_by(columns.id)
            .limit(ANNOUNCE_BATCH)
        )
        async with self.database.transaction() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            (row.id, Revocation(row.user_id, row.session_id, int(row.revoked_at.timestamp()) + LEEWAY_S))
            for row in rows
        ]

    async def _purge_oldest_sessions(self) -> int:
        """Delete some, and return how many. Their tokens go first: a session that is refreshed all day has millions."""
        unused = sessions.c.last_used_at < func.now() - self.policy.idle
        oldest = select(sessions.c.id).where(unused).order_by(sessions.c.last_used_at).limit(PURGE_BATCH)
        async with self.database.transaction() as connection:
            doomed = list(await connection.scalars(oldest))
        await self._purge(refresh_tokens, refresh_tokens.c.session_id.in_(doomed))
        return await self._purge(sessions, sessions.c.id.in_(doomed))

    async def _purge(self, table: Table, over: ColumnElement[bool]) -> int:
        (key,) = table.primary_key.columns
        doomed = select(key).where(over).limit(PURGE_BATCH).with_for_update(skip_locked=True)
        total, deleted = 0, PURGE_BATCH
        while deleted >= PURGE_BATCH:
            async with self.database.transaction() as connection:
                deleted = (await connection.execute(delete(table).where(key.in_(doomed)))).rowcount
            metrics.ROWS_PURGED.labels(table.name).inc(deleted)
            total += deleted
        return total


async def repeat(name: str, sweep: Callable[[], Awaitable[None]], interval_s: float) -> None:
    """Run `sweep` about every `interval_s`, until cancelled. A round that finds a dependency down is counted."""
    while True:
        try:
            await sweep()
        except UnavailableError:
            metrics.SWEEPS_FAILED.labels(name).inc()
            log.warning("sweep.failed", sweep=name)
        await asyncio.sleep(interval_s * random.uniform(0.9, 1.1))  # noqa: S311 - jitter, not a secret
