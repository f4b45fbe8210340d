"""Redis clients with deadlines.

RESP2 on purpose: pub/sub messages cost 40 % less to read than with RESP3 (docs/architecture.md).
"""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 2.0
MAX_CONNECTIONS = 100
"""Of one client; a command that comes when all are busy waits for one, as long as it may take itself."""


def open_redis(url: str) -> Redis:
    """A client for `url`: bounded waits, one immediate retry on a broken connection. Close with `aclose()`."""
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=COMMAND_TIMEOUT_S,
        protocol=2,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)


async def check_redis(client: Redis) -> None:
    """A readiness check: raises unless Redis answers."""
    await client.ping()
