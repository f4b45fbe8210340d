"""Settings of the profile service, read from the environment."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import NoDecode

from services.common.settings import EmptyIsNone, Rate, ServiceSettings, TrustedProxies
from services.common.tokens import check_keys


class MigrationSettings(ServiceSettings):
    """What `migrate` needs."""

    database_url: str = Field(repr=False)


class ProfileSettings(MigrationSettings):
    """Environment variables are the field names in upper case; lists are separated by commas."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    redis_url: str = Field(repr=False)
    authorization_target: str = "127.0.0.1:50051"
    aggregator_url: HttpUrl = HttpUrl("http://127.0.0.1:8088")
    dashboard_url: Annotated[HttpUrl | None, EmptyIsNone] = None
    """Where market data comes from; without, /v1/market answers 503."""
    jwt_keys: dict[str, str] = Field(repr=False)
    """kid → secret of at least 32 bytes; a JSON object."""
    jwt_accept_minimal: bool = False
    """Also accept the Go original's tokens, which carry only `sub` and `exp`."""
    public_origins: Annotated[frozenset[str], NoDecode] = Field(
        default_factory=lambda data: _local_origins(data["http_port"]), validate_default=True
    )
    """Where our own pages come from (`https://coins.example`): no other may open websockets or use cookies."""
    trusted_proxies: TrustedProxies = ()
    insecure_cookies: bool = False
    """Keep logins on the plain HTTP origins of `public_origins` too; else they last there until a page is reloaded."""
    refresh_cookie_max_age_s: int = Field(default=30 * 24 * 3600, gt=0)
    """How long a browser keeps the refresh token; the token's own lifetime is set by the authorization service."""
    authorization_timeout_s: float = Field(default=3.0, gt=0)
    aggregator_timeout_s: float = Field(default=2.0, gt=0)
    dashboard_timeout_s: float = Field(default=8.0, gt=0)
    """To the head of its answer; longer than it takes itself to give up."""
    limit_market: Rate = "1200/minute"
    """Requests for market data of one client address."""
    lease_interval_s: float = Field(default=5.0, gt=0)
    """Between two renewals of what our websockets follow; well below the aggregator's lease."""
    web_dir: Path | None = None
    """Where the built web app is, or will be (web/dist); without, `/` leads to `/docs`."""
    max_websockets_per_user: int = Field(default=20, ge=1)
    """On this replica."""

    @field_validator("public_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip().rstrip("/") for part in value.split(",") if part.strip()]
        return value

    @field_validator("jwt_keys")
    @classmethod
    def _keys_can_verify(cls, keys: dict[str, str]) -> dict[str, str]:
        check_keys(keys)
        return keys


def _local_origins(port: int) -> frozenset[str]:
    return frozenset(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1"))
