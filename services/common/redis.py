"""Redis clients with deadlines.

RESP2 on purpose: pub/sub messages cost 40 % less to read than with RESP3 (docs/architecture.md).
"""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 2.0


def open_redis(url: str) -> Redis:
    """A client for `url`: bounded waits, one immediate retry on a broken connection. Close with `aclose()`."""
    client: Redis = Redis.from_url(
        url,
        protocol=2,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 1),
    )
    return client


async def check_redis(client: Redis) -> None:
    """A readiness check: raises unless Redis answers."""
    await client.ping()
