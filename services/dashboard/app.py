"""The composition root: opens what the service stands on, puts its parts together, serves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from services.common.http import listen, serve_http
from services.common.lifecycle import Lifecycle
from services.common.redis import check_redis, open_redis
from services.dashboard.api import build_api
from services.dashboard.clickhouse import ClickHouse
from services.dashboard.history_pages import HistoryPages
from services.dashboard.history_routes import history_routes
from services.dashboard.limits import Limited
from services.dashboard.market_routes import market_routes
from services.dashboard.redis import MarketReader
from services.dashboard.settings import DashboardSettings
from services.dashboard.shared import SharedAnswers

log = structlog.get_logger()

MAX_REQUESTS_AT_ONCE = 500


@asynccontextmanager
async def app(settings: DashboardSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. Leaving it lets requests finish, then closes the rest."""
    async with AsyncExitStack() as stack:
        sock = listen(settings.http_host, settings.http_port)
        stack.callback(sock.close)
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        # ClickHouse and Kafka are missing on purpose: without them prices are still served.
        life.health.add_check("redis", partial(check_redis, redis))

        market = MarketReader(redis)
        limited = Limited(settings.limit_client, settings.limit_history)
        pages = HistoryPages(_clickhouse(settings, stack), SharedAnswers(settings.history_cache_bytes))
        api = build_api(market_routes(market, limited), history_routes(market, pages, limited))
        await stack.enter_async_context(
            serve_http(
                api,
                sock,
                limit_concurrency=MAX_REQUESTS_AT_ONCE,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
            )
        )
        log.info("http.listening", host=settings.http_host, port=sock.getsockname()[1])
        yield


def _clickhouse(settings: DashboardSettings, stack: AsyncExitStack) -> ClickHouse | None:
    if settings.clickhouse_url is None:
        return None
    clickhouse = ClickHouse(
        settings.clickhouse_url, settings.history_timeout_s, settings.history_queries, settings.history_waiting
    )
    stack.push_async_callback(clickhouse.close)
    return clickhouse
