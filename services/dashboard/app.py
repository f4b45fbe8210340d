"""The composition root: opens what the service stands on, puts its parts together, serves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from services.common.http import listen, serve_http
from services.common.internal import internal
from services.common.lifecycle import Lifecycle
from services.common.redis import check_redis, open_redis
from services.dashboard.api import build_api
from services.dashboard.clickhouse import ClickHouse
from services.dashboard.history_pages import HistoryPages
from services.dashboard.history_routes import history_routes
from services.dashboard.kafka import LagReader
from services.dashboard.limits import Limited
from services.dashboard.market_routes import market_routes
from services.dashboard.overview import Overviews
from services.dashboard.pages import page_routes
from services.dashboard.redis import MarketReader
from services.dashboard.settings import DashboardSettings
from services.dashboard.single_flight import SingleFlightCache
from services.dashboard.storage import Storage
from services.dashboard.trade_pages import TradePages
from services.dashboard.trade_routes import trade_routes
from services.dashboard.turns import ClientTurns

log = structlog.get_logger()

OVERVIEW_TIMEOUT_S = 2.0
OVERVIEW_QUERIES = 5
"""As many as the overview has parts."""


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
        history = _history_source(settings, stack), SingleFlightCache(settings.history_cache_bytes), ClientTurns()
        api = build_api(
            market_routes(market, limited),
            history_routes(market, HistoryPages(*history), limited),
            trade_routes(market, TradePages(*history), limited),
        )
        api.include_router(page_routes(Overviews(market, _storage(settings, stack), _lag(settings, stack)), limited))
        served = internal(api, settings.allowed_hosts, pages=True)
        await stack.enter_async_context(serve_http(served, sock, trusted_proxies=settings.trusted_proxies))
        log.info("http.listening", host=settings.http_host, port=sock.getsockname()[1])
        yield


def _history_source(settings: DashboardSettings, stack: AsyncExitStack) -> ClickHouse | None:
    if settings.clickhouse_url is None:
        return None
    clickhouse = ClickHouse(
        settings.clickhouse_url,
        "history",
        settings.history_timeout_s,
        settings.history_queries,
        settings.history_waiting,
    )
    stack.push_async_callback(clickhouse.close)
    return clickhouse


def _storage(settings: DashboardSettings, stack: AsyncExitStack) -> Storage | None:
    """With connections of its own: the operator sees what is wrong also when history is asked for too much."""
    if settings.clickhouse_url is None:
        return None
    clickhouse = ClickHouse(settings.clickhouse_url, "overview", OVERVIEW_TIMEOUT_S, OVERVIEW_QUERIES, 0)
    stack.push_async_callback(clickhouse.close)
    return Storage(clickhouse)


def _lag(settings: DashboardSettings, stack: AsyncExitStack) -> LagReader | None:
    if settings.kafka_bootstrap_servers is None:
        return None
    topics = settings.kafka_topic, settings.kafka_trade_topic
    lag = LagReader(settings.kafka_bootstrap_servers, topics, settings.kafka_group)
    stack.push_async_callback(lag.close)
    return lag
