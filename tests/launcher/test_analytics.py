"""Selection of the analytic contour's parts: what is missing is reported, and keeps nothing else from running."""

import io
import socket
from pathlib import Path

import pytest

from deploy.local import analytics, clickhouse, kafka, launch
from deploy.local.analytic_table import AnalyticTable
from deploy.local.analytics import Plan
from deploy.local.component import Component
from deploy.local.console import Console
from deploy.local.credentials import Credentials
from deploy.local.environments import Environments
from deploy.local.exchange import simulator
from deploy.local.kafka import KafkaServer
from deploy.local.ports import Ports
from deploy.local.postgres import PostgresServer
from deploy.local.redis import RedisServer
from deploy.local.settings import LauncherSettings
from deploy.local.supervisor import supervise
from deploy.local.table import Table
from tests.processes import free_port

PASSWORDS = {"clickhouse": "secret", "clickhouse_reader": "other"}
ELSEWHERE = "http://me:secret@db.example:8123/crypto"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LauncherSettings:
    for name in ("CLICKHOUSE_URL", "KAFKA_BOOTSTRAP_SERVERS", "ANALYTICS"):
        monkeypatch.delenv(name, raising=False)
    return LauncherSettings(state_dir=tmp_path)


@pytest.fixture
def ports() -> Ports:
    return Ports(kafka=free_port(), clickhouse=free_port())


def components(
    settings: LauncherSettings, ports: Ports, plan: Plan, broker: KafkaServer | None = None
) -> dict[str, Component]:
    """What becomes of the plan; the broker is the person's own unless it is given."""
    server = PostgresServer(Path(), Path(), 1, "", None)
    cache = RedisServer(Path(), Path(), 2, "password")
    table = Table(Environments(settings, ports, Credentials({}, {}, ""), server, cache), 3)
    contour = AnalyticTable(table, plan)
    made = [
        contour.dashboard(),
        *contour.storage(),
        contour.filling(simulator(4, 5)),
        *contour.recording(broker),
    ]
    return {one.name: one for one in made}


async def test_everything_runs_where_everything_is_there(settings: LauncherSettings, ports: Ports) -> None:
    plan = await analytics.plan(settings, ports, PASSWORDS)

    assert plan.note == ""
    assert plan.clickhouse_url == f"http://crypto:secret@127.0.0.1:{ports.clickhouse}/crypto"
    assert (plan.kafka_address, plan.our_kafka) == (f"127.0.0.1:{ports.kafka}", True)


async def test_it_can_be_left_out(settings: LauncherSettings, ports: Ports) -> None:
    left_out = settings.model_copy(update={"analytics": "off", "clickhouse_url": ELSEWHERE})

    assert await analytics.plan(left_out, ports, PASSWORDS) == Plan(note=analytics.OFF)


async def test_without_java_there_is_history_but_no_kafka_and_that_is_reported(
    settings: LauncherSettings, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "missing", lambda: "Kafka needs Java.")

    plan = await analytics.plan(settings, ports, PASSWORDS)

    assert plan.clickhouse is not None
    assert (plan.kafka_address, plan.our_kafka) == ("", False)
    assert plan.note == f"{analytics.NO_KAFKA} Kafka needs Java."


async def test_without_an_engine_nothing_is_kept_and_that_is_reported(
    settings: LauncherSettings, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "available", lambda: False)

    plan = await analytics.plan(settings, ports, PASSWORDS)

    assert (plan.clickhouse_url, plan.kafka_address) == ("", "")
    assert "Set CLICKHOUSE_URL" in plan.note


async def test_without_a_place_for_the_engines_data_nothing_is_kept_and_that_is_reported(
    settings: LauncherSettings, ports: Ports
) -> None:
    nowhere = settings.model_copy(update={"state_dir": settings.state_dir / "why?"})

    plan = await analytics.plan(nowhere, ports, PASSWORDS)

    assert (plan.clickhouse_url, plan.kafka_address) == ("", "")
    assert "cannot keep its data below a question mark" in plan.note


async def test_a_taken_port_leaves_out_what_needs_it(
    settings: LauncherSettings, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.ports.PATIENCE_S", 0)
    with socket.create_server(("127.0.0.1", ports.kafka)):
        plan = await analytics.plan(settings, ports, PASSWORDS)

    assert plan.clickhouse is not None
    assert plan.kafka_address == ""
    assert f"port {ports.kafka}, which kafka needs, is held by" in plan.note


async def test_the_persons_own_servers_are_used_and_none_of_ours(settings: LauncherSettings, ports: Ports) -> None:
    own = settings.model_copy(update={"clickhouse_url": ELSEWHERE, "kafka_bootstrap_servers": "broker.example:9092"})

    plan = await analytics.plan(own, ports, PASSWORDS)
    made = components(own, ports, plan)

    assert set(made) == {"dashboard", "clickhouse-db", "backfill", "kafka-topics", "kafka_clickhouse"}
    assert made["clickhouse-db"].needs == made["kafka-topics"].needs == ()
    for name in ("clickhouse-db", "dashboard", "backfill", "kafka_clickhouse"):
        assert made[name].env["CLICKHOUSE_URL"] == ELSEWHERE
    for name in ("kafka-topics", "dashboard", "kafka_clickhouse"):
        assert made[name].env["KAFKA_BOOTSTRAP_SERVERS"] == "broker.example:9092"
    assert made["backfill"].env["EXCHANGE_SOURCE"] == "simulator"


def test_what_is_left_out_is_not_taken_from_the_environment_either(settings: LauncherSettings, ports: Ports) -> None:
    """The services inherit the launcher's environment: only an empty value shows them that there is nothing."""
    made = components(settings, ports, Plan(note=analytics.OFF))

    assert (made["dashboard"].env["CLICKHOUSE_URL"], made["dashboard"].env["KAFKA_BOOTSTRAP_SERVERS"]) == ("", "")


def test_the_launchers_choice_of_an_exchange_is_no_protocol(settings: LauncherSettings, ports: Ports) -> None:
    """`EXCHANGE=simulator make run` is inherited by the services, and the simulator speaks Binance's protocol."""
    assert components(settings, ports, Plan())["backfill"].env["EXCHANGE"] == "binance"


def test_profile_is_believed_behind_any_proxies(settings: LauncherSettings, ports: Ports) -> None:
    """`TRUSTED_PROXIES` in the environment is for profile: in the dashboard it would make all visitors one client."""
    assert components(settings, ports, Plan())["dashboard"].env["TRUSTED_PROXIES"] == "127.0.0.1"


def test_a_killed_consumer_comes_back_as_the_same_member(settings: LauncherSettings, ports: Ports) -> None:
    """Where it is the only one: two of one name would put each other out."""
    ours = components(settings, ports, Plan(), KafkaServer(Path(), Path(), Path(), 6))
    elsewhere = components(settings, ports, Plan())

    assert ours["kafka_clickhouse"].env["KAFKA_GROUP_INSTANCE_ID"]
    assert "KAFKA_GROUP_INSTANCE_ID" not in elsewhere["kafka_clickhouse"].env


async def test_a_component_whose_port_is_taken_is_left_out_and_that_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.ports.PATIENCE_S", 0)
    stream = io.StringIO()
    console = Console(tmp_path, stream)
    async with supervise(console) as supervisor:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            dashboard = Component("dashboard", ("true",), ready=None, ports=(port,))
            assert not await launch._start_or_report([dashboard], console, supervisor)
        assert supervisor.keepers == {}
    console.close()

    assert f"port {port}, which dashboard needs, is held by" in stream.getvalue()


async def test_only_what_was_started_by_then_is_waited_for(tmp_path: Path) -> None:
    """The operational contour is reported ready while the analytic one still starts."""
    console = Console(tmp_path, io.StringIO())
    async with supervise(console) as supervisor:
        supervisor.start([Component("prices", ("true",), ready=None)])
        assert await supervisor.until_ready(30) == {}
        supervisor.start([Component("kafka", ("sleep", "1000"), ready=_never)])
        assert list(await supervisor.until_ready(0)) == ["kafka"]
    console.close()


async def _never() -> None:
    raise ConnectionError("not yet")


def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", "")
    assert LauncherSettings().clickhouse_url is None


def test_an_address_that_names_no_database_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", "http://u:secret@host:8123")
    with pytest.raises(ValueError, match="http://user:password@host:8123/database") as refusal:
        LauncherSettings()
    assert "secret" not in str(refusal.value)


def test_a_kafka_without_a_port_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "localhost")
    with pytest.raises(ValueError, match="kafka_bootstrap_servers"):
        LauncherSettings()
