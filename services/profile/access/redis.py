"""Redis at this service's edge: every error of its client becomes a 503."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from redis.exceptions import RedisError

from services.common.errors import UnavailableError

log = structlog.get_logger()


@contextmanager
def redis_answers() -> Iterator[None]:
    """Around commands a request needs. Raises UnavailableError."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("redis.unavailable", error=type(error).__name__)
        raise UnavailableError("redis_unavailable", "Sessions cannot be checked now. Try again shortly.") from error
