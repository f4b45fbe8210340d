"""Settings of this service, read from the environment. The exchange's own limits are in its package, not here."""

from typing import Self

from pydantic import Field, model_validator

from services.common.network import proxy_for
from services.common.settings import ServiceSettings, SourceName
from services.exchanges.registry import DEFAULT_EXCHANGE, ExchangeName

_KIB = 1024
_MIB = 1024 * _KIB


class SocketSettings(ServiceSettings):
    """Environment variables are the field names in upper case."""

    grpc_address: str = "127.0.0.1:50052"

    exchange: ExchangeName = DEFAULT_EXCHANGE
    exchange_stream_url: str = Field(default="wss://data-stream.binance.vision", pattern=r"^wss?://[^/]")
    exchange_rest_url: str = Field(default="https://data-api.binance.vision", pattern=r"^https?://[^/]")
    exchange_source: SourceName = "binance"
    """What is really behind the URLs, as the operator names it: `binance`, `simulator`."""

    silence_s: float = Field(default=8.0, gt=0)
    """A connection without a frame for so long is dead: the all-market mini-ticker comes every second."""
    connection_life_s: float = Field(default=84_600.0, gt=0)
    """A connection is replaced at 95 to 100 % of this age; the exchange ends it at 24 h."""
    overlap_s: float = Field(default=2.0, ge=0)
    """How long a replaced connection is still read beside its successor."""
    ack_timeout_s: float = Field(default=2.0, gt=0)
    streams_per_connection: int = Field(default=1_000, ge=1, le=1_024)
    max_connections: int = Field(default=10, ge=1)
    linger_s: float = Field(default=5.0, ge=0)
    """How long the stream of a symbol outlives its last subscriber."""
    frame_max_bytes: int = Field(default=2 * _MIB, ge=_KIB, le=3 * _MIB)
    """A larger frame ends its connection. It must fit a gRPC message (4 MiB)."""

    backfill_deadline_s: float = Field(default=10.0, gt=0)
    """How long newer trades of one symbol may wait for the missing ones."""
    backfill_max_ids: int = Field(default=20_000, ge=1)
    """A longer gap is not filled: it is counted as lost at once."""

    symbols_refresh_s: float = Field(default=300.0, gt=0)

    queue_max_frames: int = Field(default=50_000, ge=1)
    queue_max_bytes: int = Field(default=16 * _MIB, ge=_KIB)
    """A subscriber with more than this waiting is ended."""
    ring_age_s: float = Field(default=300.0, ge=0)
    """For so long mini-tickers are kept for a subscriber that comes back."""
    ring_max_bytes: int = Field(default=32 * _MIB, ge=0)
    """Packed; older ones go earlier if they need more."""

    @model_validator(mode="after")
    def _proxies_are_usable(self) -> Self:
        proxy_for(self.exchange_stream_url)
        proxy_for(self.exchange_rest_url)
        return self
