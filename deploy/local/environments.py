"""The environments of the operational contour's services."""

import json
from dataclasses import dataclass

from deploy.local import web
from deploy.local.credentials import Credentials
from deploy.local.exchange import Exchange
from deploy.local.ports import Ports
from deploy.local.postgres import PostgresServer
from deploy.local.redis import RedisServer
from deploy.local.settings import LauncherSettings

DRAIN_S = 10
"""What a service has from the stop signal to its hard end."""


@dataclass(frozen=True, slots=True)
class Environments:
    """What each service reads, once the servers are prepared and the secrets known."""

    settings: LauncherSettings
    ports: Ports
    credentials: Credentials
    postgres: PostgresServer
    redis: RedisServer

    def common(self, ops_port: int) -> dict[str, str]:
        """What every service reads."""
        return {
            "LOG_LEVEL": self.settings.log_level,
            "LOG_FORMAT": self.settings.log_format,
            "OPS_HOST": "127.0.0.1",
            "OPS_PORT": str(ops_port),
            "SHUTDOWN_TIMEOUT_S": str(DRAIN_S),
        }

    def authorization(self) -> dict[str, str]:
        return {
            **self.common(self.ports.authorization_ops),
            "GRPC_ADDRESS": f"127.0.0.1:{self.ports.authorization}",
            "DATABASE_URL": self._database_url("authorization"),
            "REDIS_URL": self.redis.url_of("authorization"),
            "JWT_KEYS": json.dumps(self.credentials.jwt_keys),
            "JWT_ACTIVE_KID": self.credentials.jwt_active_kid,
        }

    def profile(self) -> dict[str, str]:
        return {
            **self.common(self.ports.profile_ops),
            "HTTP_HOST": self.settings.http_host,
            "HTTP_PORT": str(self.ports.profile),
            "DATABASE_URL": self._database_url("profile"),
            "REDIS_URL": self.redis.url_of("profile"),
            "AUTHORIZATION_TARGET": f"127.0.0.1:{self.ports.authorization}",
            "AGGREGATOR_URL": f"http://127.0.0.1:{self.ports.aggregator}",
            "DASHBOARD_URL": f"http://127.0.0.1:{self.ports.dashboard}",
            "WEB_DIR": str(web.BUNDLE),
            "JWT_KEYS": json.dumps(self.credentials.jwt_keys),
        }

    def simulator(self) -> dict[str, str]:
        return {
            **self.common(self.ports.simulator_ops),
            "HOST": "127.0.0.1",
            "STREAM_PORT": str(self.ports.simulator_stream),
            "REST_PORT": str(self.ports.simulator_rest),
        }

    def socket(self, exchange: Exchange) -> dict[str, str]:
        return {
            **self.common(self.ports.socket_ops),
            "GRPC_ADDRESS": f"127.0.0.1:{self.ports.socket}",
            "EXCHANGE": "binance",
            "EXCHANGE_STREAM_URL": exchange.stream_url,
            "EXCHANGE_REST_URL": exchange.rest_url,
            "EXCHANGE_SOURCE": exchange.source,
        }

    def aggregator(self, exchange: Exchange, kafka_address: str) -> dict[str, str]:
        return {
            **self.common(self.ports.aggregator_ops),
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(self.ports.aggregator),
            "SOCKET_TARGET": f"127.0.0.1:{self.ports.socket}",
            "EXCHANGE": "binance",
            "EXCHANGE_SOURCE": exchange.source,
            "REDIS_URL": self.redis.url_of("aggregator"),
            "KAFKA_BOOTSTRAP_SERVERS": kafka_address,
        }

    def _database_url(self, name: str) -> str:
        return self.postgres.url(name, name, self.credentials.passwords[name])
