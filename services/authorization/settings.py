"""Settings of the authorization service, read from the environment."""

from typing import Self

from pydantic import Field, model_validator

from services.common.settings import Rate, ServiceSettings
from services.common.tokens import check_keys


class MigrationSettings(ServiceSettings):
    """What `migrate` needs."""

    database_url: str = Field(repr=False)


class AuthorizationSettings(MigrationSettings):
    """What serving needs. What is secret has no default and no place in a repr."""

    grpc_address: str = "127.0.0.1:50051"
    redis_url: str = Field(repr=False)

    jwt_keys: dict[str, str] = Field(repr=False)
    """kid → secret of at least 32 bytes."""
    jwt_active_kid: str
    """Which key signs; the others only verify."""
    jwt_accept_minimal: bool = False
    """Also accept the Go original's tokens, which carry only `sub` and `exp`."""
    access_lifetime_s: int = Field(default=900, ge=30, le=86_400)

    session_lifetime_s: int = Field(default=30 * 86_400, ge=60)
    """From login to the end, however often it is used."""
    session_idle_s: int = Field(default=14 * 86_400, ge=60)
    """From the last refresh to the end."""
    refresh_grace_s: float = Field(default=10.0, ge=0, le=60)
    """How long a spent refresh token still gives a successor: two tabs may refresh at once."""
    sessions_per_user_max: int = Field(default=100, ge=1)
    """Beyond, a login ends the session that was used longest ago."""

    bcrypt_cost: int = Field(default=12, ge=4, le=16)
    hash_threads: int = Field(default=2, ge=1, le=64)
    hash_waiting_max: int = Field(default=16, ge=0, le=1024)

    limit_login_device: Rate = "10/minute"
    """Of one device that is known to the account; the limits of logins without `device` are for strangers."""
    limit_login_device_name: Rate = "30/minute"
    """Of all known devices of one account."""
    limit_login_device_address: Rate = "60/minute"
    """Of all known devices at one address."""
    limit_login_name_address: Rate = "10/minute"
    limit_login_name: Rate = "100/hour"
    limit_login_address: Rate = "60/minute"
    limit_login_all: Rate = "300/minute"
    limit_register_address: Rate = "30 per 10 minutes"
    limit_register_all: Rate = "60/minute"
    limit_refresh_address: Rate = "120/minute"

    announce_interval_s: float = Field(default=10.0, gt=0)
    """How often Redis is compared with the revocations in the database."""
    purge_interval_s: float = Field(default=600.0, gt=0)
    """How often rows whose time is over are deleted."""

    @model_validator(mode="after")
    def _keys_can_sign(self) -> Self:
        check_keys(self.jwt_keys)
        if self.jwt_active_kid not in self.jwt_keys:
            raise ValueError("JWT_ACTIVE_KID names no key of JWT_KEYS")
        return self
