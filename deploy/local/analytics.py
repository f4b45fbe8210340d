"""The analytic contour on this machine: which of its parts can run.

Nothing here keeps the operational contour from running: what is missing becomes one sentence.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deploy.local import clickhouse, kafka, ports
from deploy.local.account import unprivileged_account
from deploy.local.clickhouse import ClickHouseServer
from deploy.local.confinement import ACCOUNTS
from deploy.local.errors import LaunchError
from deploy.local.kafka import KafkaServer
from deploy.local.ports import Ports
from deploy.local.settings import LauncherSettings

OFF = "ANALYTICS=off: ticks are not kept, and there is no history."
NO_CLICKHOUSE = "Ticks are not kept, and there is no history:"
NO_KAFKA = "Ticks are not kept, though history can be back-filled:"
NO_ENGINE = "there is no ClickHouse engine for this platform. Set CLICKHOUSE_URL to a server of your own."


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run. Addresses are empty where there is nothing; servers are None where the person brought one."""

    clickhouse: ClickHouseServer | None = None
    clickhouse_url: str = ""
    clickhouse_reader_url: str = ""
    """For what only reads. A server that the person brought has one user for both."""
    kafka_address: str = ""
    our_kafka: bool = False
    """It has yet to be fetched, the first time, and prepared."""
    note: str = ""
    """Why something is left out."""


async def plan(settings: LauncherSettings, fixed: Ports, passwords: Mapping[str, str]) -> Plan:
    """Look at what is here; quick. `passwords`: those of our ClickHouse are among them."""
    if settings.analytics == "off":
        return Plan(note=OFF)
    try:
        server = None if settings.clickhouse_url else await _own_clickhouse(settings, fixed, passwords)
    except (LaunchError, RuntimeError, OSError) as error:
        return Plan(note=f"{NO_CLICKHOUSE} {error}")
    given = settings.clickhouse_url or ""
    history = Plan(server, server.url if server else given, server.reader_url if server else given)
    if settings.kafka_bootstrap_servers:
        return replace(history, kafka_address=settings.kafka_bootstrap_servers)
    try:
        await _require_kafka(fixed)
    except LaunchError as error:
        return replace(history, note=f"{NO_KAFKA} {error}")
    return replace(history, kafka_address=f"127.0.0.1:{fixed.kafka}", our_kafka=True)


async def _own_clickhouse(settings: LauncherSettings, fixed: Ports, passwords: Mapping[str, str]) -> ClickHouseServer:
    if not clickhouse.available():
        raise LaunchError(NO_ENGINE)
    await ports.require_free([("clickhouse", fixed.clickhouse)])
    both = passwords["clickhouse"], passwords["clickhouse_reader"]
    account = ACCOUNTS["clickhouse"] if os.geteuid() == 0 else None
    path = settings.state_dir / "clickhouse"
    return await asyncio.to_thread(clickhouse.prepare, path, fixed.clickhouse, *both, account)


async def _require_kafka(fixed: Ports) -> None:
    if lacking := await asyncio.to_thread(kafka.missing):
        raise LaunchError(lacking)
    await ports.require_free([("kafka", fixed.kafka)])


async def prepare_kafka(settings: LauncherSettings, fixed: Ports, controller_port: int) -> KafkaServer:
    """The broker of a plan with `our_kafka`, once its jars are here. Raises LaunchError."""
    state, account = settings.state_dir, unprivileged_account()
    try:
        return await asyncio.to_thread(kafka.prepare, state / "kafka", fixed.kafka, controller_port, account)
    except (RuntimeError, OSError) as error:
        raise LaunchError(f"{NO_KAFKA} {error}") from error
