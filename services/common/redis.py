"""Redis clients with deadlines, and pools that shrink.

RESP2 on purpose: pub/sub messages cost 40 % less to read than with RESP3 (docs/architecture.md).

No client probes with PING: a server that cannot write to its disk refuses PING like a write, and still reads and
publishes. A connection that broke while it was idle is replaced by the retry.
"""

import asyncio
import time
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 2.0
BATCH_TIMEOUT_S = 3 * COMMAND_TIMEOUT_S
"""A batch answers many callers: it may take a connection's wait, a command and its one retry."""
MAX_CONNECTIONS = 32
"""Of one client; a command that comes when all are busy waits for one, as long as it may take itself."""
IDLE_S = 30.0
"""A connection that nothing has used for so long is closed, when a command of the same client ends."""


class _HearsCancellation(AbstractConnection):
    """Sending that loses no cancellation.

    redis-py bounds it by `asyncio.wait_for`, which before Python 3.12 drops a cancellation that comes together with
    what it waits for. The task then goes on, and who has cancelled it waits forever.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > cancelled:
            await self.disconnect(nowait=True)  # its answer will not be read
            raise asyncio.CancelledError


class ShrinkingPool(BlockingConnectionPool):
    """redis-py's pool, which by itself keeps forever as many connections as its busiest moment took."""

    def __init__(self, connection_class: type[AbstractConnection] = Connection, **options: object) -> None:
        hearing = type(connection_class.__name__, (_HearsCancellation, connection_class), {})
        super().__init__(connection_class=hearing, **options)  # type: ignore[arg-type]
        self._released_s: WeakKeyDictionary[AbstractConnection, float] = WeakKeyDictionary()

    async def release(self, connection: AbstractConnection) -> None:
        self._released_s[connection] = time.monotonic()
        await super().release(connection)
        idle = self._available_connections
        # The pool takes the one that was released last: the first of them has been idle longest.
        while idle and self._released_s[idle[0]] <= time.monotonic() - IDLE_S:
            await idle.pop(0).disconnect()


def open_redis(url: str) -> Redis:
    """A client for `url`: bounded waits, one immediate retry on a broken connection. Close with `aclose()`."""
    pool: ShrinkingPool = ShrinkingPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=COMMAND_TIMEOUT_S,
        protocol=2,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)


async def check_redis(client: Redis) -> None:
    """A readiness check: raises unless Redis answers."""
    await client.echo("ready")
