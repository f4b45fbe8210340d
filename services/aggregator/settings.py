"""Settings of the aggregator, read from the environment."""

from typing import Annotated

from pydantic import Field, field_validator

from services.common.settings import BootstrapServers, EmptyIsNone, ServiceSettings, SourceName
from services.exchanges.registry import DEFAULT_EXCHANGE, ExchangeName
from services.market.names import DEFAULT_SOURCE
from services.market.symbols import normal_symbol

WANTED = "wanted"
ALL = "all"


class AggregatorSettings(ServiceSettings):
    """Environment variables are the field names in upper case."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8088, ge=0, le=65535)
    socket_target: str = "127.0.0.1:50052"
    """The socket service, "host:port"."""
    exchange: ExchangeName = DEFAULT_EXCHANGE
    exchange_source: SourceName = DEFAULT_SOURCE
    """Where the prices of a peer come from that does not name its source, as the Go original's socket."""
    redis_url: str = Field(repr=False)
    kafka_bootstrap_servers: Annotated[BootstrapServers | None, EmptyIsNone] = None
    """Where every mini-ticker is kept; without: nowhere."""
    kafka_buffer_bytes: int = Field(default=160 * 1024 * 1024, ge=0)
    """Memory for what waits for Kafka, beyond which the oldest goes. The default holds 3,000 tickers a second for ten
    minutes one and a half times."""
    kafka_drain_timeout_s: float = Field(default=5.0, ge=0)
    """How long a stop may take to deliver what waits for Kafka."""
    kafka_trade_buffer_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """The same as `kafka_buffer_bytes`, for trades. The default holds 1,000 a second for more than ten minutes."""
    record_symbols: str = WANTED
    """Whose trades are kept: `wanted` (what is held, watched or followed), `all`, or, separated by commas, symbols that
    are kept beside those."""

    @property
    def listed_to_record(self) -> frozenset[str]:
        """The symbols that are named."""
        return frozenset(name.strip() for name in self.record_symbols.split(",")) - {WANTED, ALL}

    @field_validator("record_symbols")
    @classmethod
    def _names_symbols(cls, value: str) -> str:
        value = value.strip().lower() or WANTED
        for name in value.split(","):
            if normal_symbol(name.strip()) is None:
                raise ValueError("it must be wanted, all, or symbols separated by commas")
        return value
