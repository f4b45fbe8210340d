"""Settings of kafka_clickhouse, read from the environment."""

from pydantic import Field

from services.common.settings import BootstrapServers, ClickHouseUrl, ServiceSettings
from services.market.names import AGG_TRADES, CONSUMER_GROUP, DEAD_LETTERS, MINI_TICKERS, TRADE_DEAD_LETTERS


class StorageSettings(ServiceSettings):
    """Where ticks are kept. Environment variables are the field names in upper case."""

    clickhouse_url: ClickHouseUrl = Field(repr=False)


class MigrationSettings(StorageSettings):
    """What `migrate` needs. A TTL of 0 keeps for ever."""

    tickers_ttl_days: int = Field(default=0, ge=0, le=36_500)
    """How long raw mini-tickers are kept, from their event time."""
    candles_1s_ttl_days: int = Field(default=0, ge=0, le=36_500)
    """How long one-second candles are kept. Coarser candles are kept for ever."""
    trades_ttl_days: int = Field(default=0, ge=0, le=36_500)
    """How long trades are kept, from their own time."""


class KafkaClickHouseSettings(StorageSettings):
    """What serving needs."""

    kafka_bootstrap_servers: BootstrapServers
    kafka_topic: str = MINI_TICKERS
    kafka_dead_letter_topic: str = DEAD_LETTERS
    kafka_trade_topic: str = AGG_TRADES
    kafka_trade_dead_letter_topic: str = TRADE_DEAD_LETTERS
    kafka_group: str = CONSUMER_GROUP
    kafka_group_instance_id: str | None = Field(default=None, min_length=1)
    """A name that survives restarts: a consumer that comes back within the session's time keeps its partitions."""
    kafka_session_timeout_s: float = Field(default=10.0, ge=6, le=300)
    """How long a consumer that died keeps its partitions."""

    batch_rows: int = Field(default=25_000, ge=1, le=1_000_000)
    """An insert's size when there is backlog. Twice as many messages of a partition are in memory at most."""
    batch_age_s: float = Field(default=1.0, gt=0, le=60)
    """How long a message waits for others at most."""
    insert_timeout_s: float = Field(default=30.0, gt=0)
    """After that long without confirmation an insert is sent again."""
    poison_limit_percent: int = Field(default=50, ge=1, le=100)
    """Above this share of undecodable messages a partition stops, until a restart. 100: it never stops."""
