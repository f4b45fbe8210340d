"""Settings common to every service, read from the environment once at start.

A service subclasses `ServiceSettings` with its own fields. Secrets have no defaults; a missing or malformed value ends
the process with one sentence that names the variable. Where `SECRETS_DIR` names a directory, a file there may hold
what a variable does not (`/run/secrets/database_url` for `DATABASE_URL`); the variable wins.
"""

import os
import re
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from limits import parse
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError


def _clickhouse_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^/]+/\w+", url):
        raise ValueError("it must look like http://user:password@host:8123/database")
    return url


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(proxies: tuple[str, ...]) -> tuple[str, ...]:
    """uvicorn trusts no proxy by a mistyped address, and at `*` accepts any address the client claims."""
    for proxy in proxies:
        ip_network(proxy)
    return proxies


def _rate(text: str) -> str:
    parse(text)
    return text


ClickHouseUrl = Annotated[str, AfterValidator(_clickhouse_url)]
BootstrapServers = Annotated[str, StringConstraints(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")]
"""Of Kafka: `host:port[,host:port]`."""
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")]
"""What is really behind an exchange's URLs, as the operator names it: `binance`, `simulator`."""
TrustedProxies = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)]
"""Addresses and networks, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
Rate = Annotated[str, AfterValidator(_rate)]
"""In the notation of the `limits` library: "10/minute", "100 per 2 hours"."""
EmptyIsNone = BeforeValidator(lambda value: value or None)
"""For optional values: compose files and the launcher set an empty variable instead of none."""


class ServiceSettings(BaseSettings):
    """Settings shared by all services. Environment variables are the field names in upper case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    ops_host: str = "127.0.0.1"
    """Where /livez, /readyz and /metrics listen: never the public interface by default."""
    ops_port: int = Field(default=0, ge=0, le=65535)
    """0 picks a free port; the log event `ops.listening` reports it."""
    allowed_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    """Further names of internal servers, separated by commas, beside IP addresses, localhost and names without a dot.
    Any other may be a stranger's, made to resolve to our address."""
    shutdown_timeout_s: float = Field(default=25.0, gt=0)
    """From SIGTERM to the hard end."""

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return _split(value.lower()) if isinstance(value, str) else value


S = TypeVar("S", bound=ServiceSettings)


def load_settings(kind: type[S]) -> S:
    """Read `kind` from the environment, or end the process with a sentence per wrong variable (exit code 2)."""
    secrets_dir = os.environ.get("SECRETS_DIR")
    if secrets_dir and not Path(secrets_dir).is_dir():
        sys.stderr.write(f"setting SECRETS_DIR: {secrets_dir} is not a directory\n")
        sys.exit(2)
    try:
        return kind(_secrets_dir=secrets_dir)
    except SettingsError as error:  # e.g. JSON that is none; the message names the field and holds no value
        sys.stderr.write(f"settings: {error}\n")
    except ValidationError as error:
        for problem in error.errors():
            if problem["type"] == "default_factory_not_called":  # a consequence of another wrong variable, not a cause
                continue
            where = f"setting {str(problem['loc'][0]).upper()}" if problem["loc"] else "settings"
            sys.stderr.write(f"{where}: {problem['msg'].removeprefix('Value error, ')}\n")
    sys.exit(2)
