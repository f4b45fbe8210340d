"""Settings of `make run`, read from the environment; all other variables reach the services unchanged."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from deploy.local.account import REPOSITORY
from services.common.settings import BootstrapServers, ClickHouseUrl, ServiceSettings


class LauncherSettings(ServiceSettings):
    """Environment variables are the field names in upper case; an empty one counts as none."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    log_format: Literal["json", "console"] = "console"
    exchange: Literal["auto", "binance", "simulator"] = "auto"
    """Where prices come from; `auto`: Binance where it can be reached, else the simulator."""
    http_host: str = "127.0.0.1"
    """Where the web interface listens; 0.0.0.0 makes it reachable from other machines."""
    public_origins: str = ""
    """Of profile, which reads it itself."""
    insecure_cookies: bool = False
    """The same."""
    port_offset: int = Field(default=0, ge=0, le=15_000)
    """Added to every fixed port, so that a second checkout can run beside the first."""
    bundled_servers: bool = False
    """Use the PostgreSQL and the Redis of the wheels even where the system has its own."""
    analytics: Literal["auto", "off"] = "auto"
    """Whether every tick is kept; `auto`: where Kafka and ClickHouse can run."""
    clickhouse_url: ClickHouseUrl | None = Field(default=None, repr=False)
    """Of a ClickHouse to use instead of one of ours."""
    kafka_bootstrap_servers: BootstrapServers | None = None
    """Of a Kafka to use instead of one of ours."""
    state_dir: Path = REPOSITORY / ".local"
    """Secrets, databases and logs."""

    @field_validator("state_dir")
    @classmethod
    def _for_every_process(cls, path: Path) -> Path:
        """The databases run in another directory than we do."""
        return path.expanduser().resolve()
