"""The table of everything `make run` keeps running. A new component is one more entry here.

Ports are those of docs/contracts.md, shifted by `PORT_OFFSET`, but for gRPC; PostgreSQL and Redis have private ones.
"""

import json
import signal
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from deploy.local import postgres, pulse, redis, web
from deploy.local.component import Component, Fallback, answers_ready
from deploy.local.credentials import Credentials
from deploy.local.exchange import Exchange
from deploy.local.pulse import Pulse
from deploy.local.settings import LauncherSettings

DRAIN_S = 10
"""What a service has from the stop signal to its hard end."""


@dataclass(frozen=True)
class Ports:
    """Every fixed port.

    None is one of those that Linux hands out to outgoing connections, from 32768 on: a client could hold it when its
    server starts. So gRPC is not on :50051 and :50052 here.
    """

    profile: int = 8080
    aggregator: int = 8088
    authorization: int = 15051
    socket: int = 15052
    simulator_stream: int = 9443
    simulator_rest: int = 9444
    profile_ops: int = 9180
    aggregator_ops: int = 9188
    authorization_ops: int = 9151
    socket_ops: int = 9152
    simulator_ops: int = 9199
    kafka: int = 9092
    clickhouse: int = 8123
    kafka_clickhouse_ops: int = 9184
    dashboard: int = 8083
    dashboard_ops: int = 9183

    def shifted(self, offset: int) -> "Ports":
        """All of them, `offset` higher."""
        return Ports(**{name: port + offset for name, port in asdict(self).items()})

    def all(self) -> set[int]:
        return set(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Table:
    """The components, once the servers are prepared and the secrets known."""

    settings: LauncherSettings
    ports: Ports
    credentials: Credentials
    postgres: postgres.PostgresServer
    redis: redis.RedisServer
    kafka_controller_port: int

    def stores(self) -> list[Component]:
        """What starts first, wherever prices come from: servers, and the databases brought up to date."""
        return [
            Component(
                "postgres",
                tuple(self.postgres.command),
                ready=self._databases_ready,
                pulse=Pulse(self.postgres.port, pulse.POSTGRES),
                fallback=_bundled("PostgreSQL", self.postgres.spare_command),
                stop_signal=signal.SIGINT,
                account=self.postgres.account,
                directory=Path("/"),
            ),
            Component(
                "redis",
                tuple(self.redis.command),
                ready=partial(redis.check, self.redis),
                pulse=Pulse(self.redis.port, pulse.REDIS),
                fallback=_bundled("Redis", self.redis.spare_command),
                account=self.redis.account,
                directory=Path("/"),
            ),
            Component(
                "auth-db",
                python("services.authorization", "migrate"),
                ready=None,
                env=self._authorization_env(),
                needs=("postgres",),
            ),
            Component(
                "profile-db",
                python("services.profile", "migrate"),
                ready=None,
                env=self._profile_env(),
                needs=("postgres",),
            ),
            Component(
                "authorization",
                python("services.authorization"),
                ready=answers_ready(self.ports.authorization_ops),
                pulse=Pulse(self.ports.authorization_ops),
                env=self._authorization_env(),
                needs=("auth-db", "redis"),
                ports=(self.ports.authorization, self.ports.authorization_ops),
            ),
        ]

    def services(self, exchange: Exchange, kafka_address: str) -> list[Component]:
        """What depends on where prices come from. `kafka_address` is empty where no events are kept."""
        simulator = [
            Component(
                "simulator",
                python("simulator"),
                ready=answers_ready(self.ports.simulator_ops),
                pulse=Pulse(self.ports.simulator_ops),
                env={
                    **self.common_env(self.ports.simulator_ops),
                    "HOST": "127.0.0.1",
                    "STREAM_PORT": str(self.ports.simulator_stream),
                    "REST_PORT": str(self.ports.simulator_rest),
                },
                ports=(self.ports.simulator_stream, self.ports.simulator_rest, self.ports.simulator_ops),
            )
        ]
        return [
            *(simulator if exchange.source == "simulator" else []),
            Component(
                "socket",
                python("services.socket"),
                ready=answers_ready(self.ports.socket_ops),
                pulse=Pulse(self.ports.socket_ops),
                env={
                    **self.common_env(self.ports.socket_ops),
                    "GRPC_ADDRESS": f"127.0.0.1:{self.ports.socket}",
                    "EXCHANGE": "binance",
                    "EXCHANGE_STREAM_URL": exchange.stream_url,
                    "EXCHANGE_REST_URL": exchange.rest_url,
                    "EXCHANGE_SOURCE": exchange.source,
                },
                uses=("simulator",) if exchange.source == "simulator" else (),
                ports=(self.ports.socket, self.ports.socket_ops),
            ),
            Component(
                "aggregator",
                python("services.aggregator"),
                ready=answers_ready(self.ports.aggregator_ops),
                pulse=Pulse(self.ports.aggregator_ops),
                env={
                    **self.common_env(self.ports.aggregator_ops),
                    "HTTP_HOST": "127.0.0.1",
                    "HTTP_PORT": str(self.ports.aggregator),
                    "SOCKET_TARGET": f"127.0.0.1:{self.ports.socket}",
                    "EXCHANGE_SOURCE": exchange.source,
                    "REDIS_URL": self.redis.url_of("aggregator"),
                    "KAFKA_BOOTSTRAP_SERVERS": kafka_address,
                },
                needs=("redis",),  # and so it ends before Kafka, which needs nothing and has its last events
                uses=("socket",),
                ports=(self.ports.aggregator, self.ports.aggregator_ops),
            ),
            Component(
                "profile",
                python("services.profile"),
                ready=answers_ready(self.ports.profile_ops),
                pulse=Pulse(self.ports.profile_ops),
                env=self._profile_env(),
                needs=("profile-db", "redis"),
                uses=("authorization", "aggregator"),
                ports=(self.ports.profile, self.ports.profile_ops),
            ),
        ]

    def web(self) -> Component:
        """Builds the page, which profile serves as soon as it is there."""
        return Component("web", python("deploy.local.web"), ready=None)

    def common_env(self, ops_port: int) -> dict[str, str]:
        """The environment common to every service."""
        return {
            "LOG_LEVEL": self.settings.log_level,
            "LOG_FORMAT": self.settings.log_format,
            "OPS_HOST": "127.0.0.1",
            "OPS_PORT": str(ops_port),
            "SHUTDOWN_TIMEOUT_S": str(DRAIN_S),
        }

    def _authorization_env(self) -> dict[str, str]:
        return {
            **self.common_env(self.ports.authorization_ops),
            "GRPC_ADDRESS": f"127.0.0.1:{self.ports.authorization}",
            "DATABASE_URL": self._database_url("authorization"),
            "REDIS_URL": self.redis.url_of("authorization"),
            "JWT_KEYS": json.dumps(self.credentials.jwt_keys),
            "JWT_ACTIVE_KID": self.credentials.jwt_active_kid,
        }

    def _profile_env(self) -> dict[str, str]:
        return {
            **self.common_env(self.ports.profile_ops),
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

    def _database_url(self, name: str) -> str:
        return self.postgres.url(name, name, self.credentials.passwords[name])

    async def _databases_ready(self) -> None:
        await postgres.check(self.postgres)
        for name in ("authorization", "profile"):
            await postgres.ensure_database(self.postgres, name, self.credentials.passwords[name])


def _bundled(name: str, command: list[str] | None) -> Fallback | None:
    return Fallback(tuple(command), f"the bundled {name} ({command[0]})") if command else None


def python(*arguments: str) -> tuple[str, ...]:
    """The command for `python -m …` in our environment."""
    return (sys.executable, "-m", *arguments)
