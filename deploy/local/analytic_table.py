"""The table of the analytic contour: one more entry here for each of its components.

They need each other, and nothing of the operational contour but Redis.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deploy.local import clickhouse, kafka, pulse
from deploy.local.analytics import Plan
from deploy.local.component import Component, answers_ready
from deploy.local.confinement import Confinement
from deploy.local.exchange import Exchange
from deploy.local.kafka import KafkaServer
from deploy.local.pulse import Pulse
from deploy.local.table import Table, python


@dataclass(frozen=True, slots=True)
class AnalyticTable:
    """The components of a plan, beside those of `table`."""

    table: Table
    plan: Plan
    confinement: Confinement = field(default_factory=Confinement)

    def confined(self, components: Iterable[Component]) -> list[Component]:
        """The components with their accounts."""
        return self.confinement.confine(components)

    def dashboard(self) -> Component:
        """The market API. Its prices come from Redis, so that it always runs."""
        fixed = self.table.ports
        return Component(
            "dashboard",
            python("services.dashboard"),
            ready=answers_ready(fixed.dashboard_ops),
            pulse=Pulse(fixed.dashboard_ops),
            env={
                **self.table.environments.common(fixed.dashboard_ops),
                "HTTP_HOST": "127.0.0.1",
                "HTTP_PORT": str(fixed.dashboard),
                "REDIS_URL": self.table.environments.redis.url_of("dashboard"),
                "CLICKHOUSE_URL": self.plan.clickhouse_reader_url,
                "KAFKA_BOOTSTRAP_SERVERS": self.plan.kafka_address,
                # Of profile; the environment's proxies are meant for profile alone.
                "TRUSTED_PROXIES": "127.0.0.1",
            },
            needs=("redis",),
            ports=(fixed.dashboard, fixed.dashboard_ops),
        )

    def storage(self) -> list[Component]:
        """ClickHouse, unless the person brought one, and its tables."""
        server = self.plan.clickhouse
        migration = Component(
            "clickhouse-db",
            python("services.kafka_clickhouse", "migrate"),
            ready=None,
            env={**self.table.environments.common(0), "CLICKHOUSE_URL": self.plan.clickhouse_url},
            needs=("clickhouse",) if server else (),
        )
        if server is None:
            return [migration]
        ours = Component(
            "clickhouse",
            tuple(server.command),
            ready=partial(clickhouse.check, server),
            pulse=Pulse(self.table.ports.clickhouse),
            env={**self.table.environments.common(0), **server.env},
            ports=(self.table.ports.clickhouse,),
        )
        return [ours, migration]

    def filling(self, exchange: Exchange) -> Component:
        """What fills the history by itself. It needs no Kafka."""
        ops_port = self.table.ports.backfill_ops
        return Component(
            "backfill",
            python("services.backfill", "serve"),
            ready=answers_ready(ops_port),
            pulse=Pulse(ops_port),
            env={
                **self.table.environments.common(ops_port),
                **self.backfill_env(exchange),
                "REDIS_URL": self.table.environments.redis.url_of("backfill"),
            },
            needs=("clickhouse-db", "redis"),
            ports=(ops_port,),
        )

    def jars(self) -> Component:
        """Fetches our Kafka; tried again until it works."""
        return Component("kafka-jars", python("deploy.local.kafka_jars"), ready=None)

    def recording(self, broker: KafkaServer | None) -> list[Component]:
        """Kafka, and what brings ticks from it to ClickHouse. `broker` is None where the person brought one."""
        ops_port = self.table.ports.kafka_clickhouse_ops
        topics = Component(
            "kafka-topics",
            python("deploy.local.kafka_topics"),
            ready=None,
            env={"KAFKA_BOOTSTRAP_SERVERS": self.plan.kafka_address},
            needs=("kafka",) if broker else (),
        )
        consumer = Component(
            "kafka_clickhouse",
            python("services.kafka_clickhouse"),
            ready=answers_ready(ops_port),
            pulse=Pulse(ops_port),
            env={
                **self.table.environments.common(ops_port),
                "KAFKA_BOOTSTRAP_SERVERS": self.plan.kafka_address,
                "CLICKHOUSE_URL": self.plan.clickhouse_url,
                # After a kill it has its partitions back at once. With a Kafka of the person's it may have fellows.
                **({"KAFKA_GROUP_INSTANCE_ID": "kafka_clickhouse-local"} if broker else {}),
            },
            needs=("clickhouse-db", "kafka-topics"),
            ports=(ops_port,),
        )
        return [*([_kafka(broker)] if broker else []), topics, consumer]

    def backfill_env(self, exchange: Exchange) -> dict[str, str]:
        """What a back-fill needs, be it as a service or as a command."""
        return {
            "CLICKHOUSE_URL": self.plan.clickhouse_url,
            "EXCHANGE": "binance",
            "EXCHANGE_REST_URL": exchange.rest_url,
            "EXCHANGE_SOURCE": exchange.source,
        }


def _kafka(broker: KafkaServer) -> Component:
    return Component(
        "kafka",
        tuple(broker.command),
        ready=partial(kafka.check, broker),
        pulse=Pulse(broker.port, pulse.KAFKA, first_answer_s=None),
        env=broker.env,
        ports=(broker.port,),
        account=broker.account,
        directory=Path("/"),
    )
