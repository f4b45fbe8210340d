"""Single-use websocket tickets, for browsers, which cannot set headers on a websocket.

A ticket travels as a subprotocol, because URLs end in logs: the client offers `ticket.<ticket>`, and beside it
`crypto-service.v1` so as not to have the (then spent) ticket echoed as the selected protocol. Redis keeps only its
hash. While Redis refuses to store (a full disk, no memory, a replica), this process keeps the ticket: it is good once
all the same, but in this replica alone.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.common.batches import Batches
from services.common.errors import UnauthenticatedError
from services.common.redis import BATCH_TIMEOUT_S
from services.common.throttle import Throttle
from services.common.tokens import AccessClaims
from services.market.names import TICKETS
from services.profile import metrics
from services.profile.access.kept_tickets import KeptTickets
from services.profile.access.redis import redis_answers

log = structlog.get_logger()

LIFETIME_S = 30
PROTOCOL = "crypto-service.v1"
TICKET_PREFIX = "ticket."


class Tickets:
    """Issues and redeems tickets, for many callers at once while `run` runs. Both raise UnavailableError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._kept = KeptTickets(LIFETIME_S)
        self._throttle = Throttle()
        self._issuing: Batches[tuple[str, bytes], bool] = Batches(self._store, timeout_s=BATCH_TIMEOUT_S)
        self._spending: Batches[str, bytes | None] = Batches(self._spend, timeout_s=BATCH_TIMEOUT_S)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._issuing.run(), name="tickets issued")
            tasks.create_task(self._spending.run(), name="tickets spent")

    async def issue(self, claims: AccessClaims) -> str:
        """A new ticket that stands for `claims`, once, for `LIFETIME_S`."""
        ticket = secrets.token_urlsafe(32)
        key = _key(ticket)
        with redis_answers():
            stored = await self._issuing.get((key, msgspec.json.encode(claims)))
        if not stored:
            self._kept.keep(key, claims)
        return ticket

    async def redeem(self, ticket: str) -> AccessClaims:
        """What the ticket stands for; it is spent then. Raises UnauthenticatedError.

        The session may have ended since: check that too.
        """
        key = _key(ticket)
        kept = self._kept.take(key)
        if kept is not None:
            return kept
        with redis_answers():
            stored = await self._spending.get(key)
        if stored is None:
            raise UnauthenticatedError(
                "invalid_ticket", "This ticket was used, has expired or never was. Get a new one."
            )
        return msgspec.json.decode(stored, type=AccessClaims)

    async def _store(self, tickets: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Whether Redis has stored each; it answers, so that none is good both there and here."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key, claims in tickets:
                pipeline.set(key, claims, ex=LIFETIME_S)
            answers = await pipeline.execute(raise_on_error=False)
        refusals = [answer for answer in answers if isinstance(answer, ResponseError)]
        if refusals:
            self._report(refusals)
        return [not isinstance(answer, ResponseError) for answer in answers]

    def _report(self, refusals: Sequence[ResponseError]) -> None:
        metrics.TICKETS_KEPT.inc(len(refusals))
        if self._throttle.permits():
            log.warning("tickets.kept_here", error=type(refusals[0]).__name__, hint="Redis refuses to store")

    async def _spend(self, keys: Sequence[str]) -> list[bytes | None]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.getdel(key)
            return await pipeline.execute()


def offered_ticket(subprotocols: Sequence[str]) -> str | None:
    """The ticket among the subprotocols a client offers."""
    return next((p.removeprefix(TICKET_PREFIX) for p in subprotocols if p.startswith(TICKET_PREFIX)), None)


def selected_protocol(subprotocols: Sequence[str]) -> str | None:
    """The subprotocol to answer with. A browser drops a connection that selects none of those it offered."""
    if PROTOCOL in subprotocols:
        return PROTOCOL
    return next((protocol for protocol in subprotocols if protocol.startswith(TICKET_PREFIX)), None)


def _key(ticket: str) -> str:
    return f"{TICKETS}{hashlib.sha256(ticket.encode()).hexdigest()}"
