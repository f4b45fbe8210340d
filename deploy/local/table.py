"""The table of everything `make run` keeps running. A new component is one more entry here."""

import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local import postgres, pulse, redis
from deploy.local.component import Component, Fallback, answers_ready
from deploy.local.environments import Environments
from deploy.local.exchange import Exchange
from deploy.local.ports import Ports
from deploy.local.pulse import Pulse


@dataclass(frozen=True, slots=True)
class Table:
    """The components, once the servers are prepared and the secrets known."""

    environments: Environments
    kafka_controller_port: int

    @property
    def ports(self) -> Ports:
        return self.environments.ports

    def stores(self) -> list[Component]:
        """What starts first, wherever prices come from: servers, and the databases brought up to date."""
        database, cache = self.environments.postgres, self.environments.redis
        return [
            Component(
                "postgres",
                tuple(database.command),
                ready=self._databases_ready,
                pulse=Pulse(database.port, pulse.POSTGRES),
                fallback=_bundled("PostgreSQL", database.spare_command),
                stop_signal=signal.SIGINT,
                account=database.account,
                directory=Path("/"),
            ),
            Component(
                "redis",
                tuple(cache.command),
                ready=partial(redis.check, cache),
                pulse=Pulse(cache.port, pulse.REDIS),
                fallback=_bundled("Redis", cache.spare_command),
                account=cache.account,
                directory=Path("/"),
            ),
            Component(
                "auth-db",
                python("services.authorization", "migrate"),
                ready=None,
                env=self.environments.authorization(),
                needs=("postgres",),
            ),
            Component(
                "profile-db",
                python("services.profile", "migrate"),
                ready=None,
                env=self.environments.profile(),
                needs=("postgres",),
            ),
            Component(
                "authorization",
                python("services.authorization"),
                ready=answers_ready(self.ports.authorization_ops),
                pulse=Pulse(self.ports.authorization_ops),
                env=self.environments.authorization(),
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
                env=self.environments.simulator(),
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
                env=self.environments.socket(exchange),
                uses=("simulator",) if exchange.source == "simulator" else (),
                ports=(self.ports.socket, self.ports.socket_ops),
            ),
            Component(
                "aggregator",
                python("services.aggregator"),
                ready=answers_ready(self.ports.aggregator_ops),
                pulse=Pulse(self.ports.aggregator_ops),
                env=self.environments.aggregator(exchange, kafka_address),
                needs=("redis",),  # and so it ends before Kafka, which needs nothing and has its last events
                uses=("socket",),
                ports=(self.ports.aggregator, self.ports.aggregator_ops),
            ),
            Component(
                "profile",
                python("services.profile"),
                ready=answers_ready(self.ports.profile_ops),
                pulse=Pulse(self.ports.profile_ops),
                env=self.environments.profile(),
                needs=("profile-db", "redis"),
                uses=("authorization", "aggregator"),
                ports=(self.ports.profile, self.ports.profile_ops),
            ),
        ]

    def web(self) -> Component:
        """Builds the page, which profile serves as soon as it is there."""
        return Component("web", python("deploy.local.web"), ready=None)

    async def _databases_ready(self) -> None:
        server, passwords = self.environments.postgres, self.environments.credentials.passwords
        await postgres.check(server)
        for name in ("authorization", "profile"):
            await postgres.ensure_database(server, name, passwords[name])


def _bundled(name: str, command: list[str] | None) -> Fallback | None:
    return Fallback(tuple(command), f"the bundled {name} ({command[0]})") if command else None


def python(*arguments: str) -> tuple[str, ...]:
    """The command for `python -m …` in our environment."""
    return (sys.executable, "-m", *arguments)
