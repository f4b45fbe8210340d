"""Settings of the dashboard service, read from the environment."""

from typing import Annotated

from pydantic import Field

from services.common.settings import (
    BootstrapServers,
    ClickHouseUrl,
    EmptyIsNone,
    Rate,
    ServiceSettings,
    TrustedProxies,
)
from services.market.names import AGG_TRADES, CONSUMER_GROUP, MINI_TICKERS


class DashboardSettings(ServiceSettings):
    """Environment variables are the field names in upper case; lists are separated by commas."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8083, ge=0, le=65535)
    redis_url: str = Field(repr=False)
    clickhouse_url: Annotated[ClickHouseUrl | None, EmptyIsNone] = Field(default=None, repr=False)
    """Without: no history."""
    kafka_bootstrap_servers: Annotated[BootstrapServers | None, EmptyIsNone] = None
    """Without: no lag."""
    kafka_topic: str = MINI_TICKERS
    kafka_trade_topic: str = AGG_TRADES
    kafka_group: str = CONSUMER_GROUP
    """Whose lag the operator's page shows."""
    trusted_proxies: TrustedProxies = ("127.0.0.1", "::1")
    """Profile's, and a proxy's of ours."""
    limit_client: Rate = "1200/minute"
    """Requests of one client address."""
    limit_history: Rate = "300/minute"
    """Those of them that are for history or sparklines."""
    history_timeout_s: float = Field(default=5.0, gt=0)
    """From a request's arrival to ClickHouse's last byte."""
    history_queries: int = Field(default=4, ge=1)
    """Queries that run in ClickHouse at once."""
    history_waiting: int = Field(default=64, ge=0)
    """Queries that may wait for a slot."""
    history_cache_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """Size of the answers kept in memory."""
