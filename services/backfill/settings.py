"""Settings of the back-fill, read from the environment."""

from typing import Self

from pydantic import Field, model_validator

from services.backfill.schedule import LISTED_ROUND_S
from services.common.network import proxy_for
from services.common.settings import ClickHouseUrl, ServiceSettings, SourceName
from services.exchanges.registry import DEFAULT_EXCHANGE, ExchangeName


class BackfillSettings(ServiceSettings):
    """Environment variables are the field names in upper case."""

    clickhouse_url: ClickHouseUrl = Field(repr=False)
    exchange: ExchangeName = DEFAULT_EXCHANGE
    exchange_rest_url: str = Field(default="https://data-api.binance.vision", pattern=r"^https?://[^/]")
    exchange_source: SourceName = "binance"
    """What is really behind the URL: `binance`, `simulator`. Candles of two sources never mix."""
    backfill_patience_s: float = Field(default=60.0, ge=0)
    """How long the exchange or ClickHouse may fail to answer before the command gives up."""

    @model_validator(mode="after")
    def _require_source(self) -> Self:
        configured = self.model_fields_set
        if "exchange_rest_url" in configured and "exchange_source" not in configured:
            raise ValueError("EXCHANGE_SOURCE must name what EXCHANGE_REST_URL leads to")
        proxy_for(self.exchange_rest_url)
        return self


class FillSettings(BackfillSettings):
    """What `serve` needs besides."""

    redis_url: str = Field(repr=False)
    tape_check_s: float = Field(default=15.0, gt=0, le=3600)
    """How often gaps are looked for in the trades that have come."""
    fill_round_s: float = Field(default=LISTED_ROUND_S, gt=0, le=LISTED_ROUND_S)
    """How often the newest candles of each listed symbol are made exact; those of a followed one are more often."""
