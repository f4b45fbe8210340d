"""What the aggregator can be told from outside."""

from pydantic import Field

from services.common.settings import ServiceSettings


class AggregatorSettings(ServiceSettings):
    """Environment variables are the field names in upper case."""

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8088, ge=0, le=65535)
    socket_target: str = "127.0.0.1:50052"
    """The socket service, "host:port"."""
    redis_url: str
