"""The environment that compose.yaml gives each service: its own settings class reads it, and lacks nothing."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from services.common.settings import ServiceSettings, load_settings
from tests.containers import compose
from tests.containers.compose import OURS

Services = dict[str, dict[str, Any]]

SENSITIVE = {"database_url", "redis_url", "clickhouse_url", "jwt_keys"}


def settings_classes(service: str) -> list[type[ServiceSettings]]:
    package = "simulator" if service == "simulator" else f"services.{service}"
    return settings_classes_in(f"{package}.settings")


def settings_classes_in(module_name: str) -> list[type[ServiceSettings]]:
    module = importlib.import_module(module_name)
    return [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, ServiceSettings) and each.__module__ == module.__name__
    ]


def settings_class(service: str) -> type[ServiceSettings]:
    """The settings that the running service reads: the most derived and largest class of its settings module."""
    return max(settings_classes(service), key=lambda each: (len(each.__mro__), len(each.model_fields)))


def known_variables(service: str) -> set[str]:
    """Variables that the commands of the service's image read."""
    classes = settings_classes(service)
    if service == "kafka_clickhouse":
        classes += settings_classes_in("services.backfill.settings")
    return {name.upper() for each in classes for name in each.model_fields} | {"SECRETS_DIR"}


@pytest.fixture
def read(services: Services, secrets_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the settings of a service as its container would."""

    def read(service: str) -> ServiceSettings:
        environment = dict(services[service]["environment"])
        for target, source in compose.mounted_secrets(services[service]).items():
            (tmp_path / target).write_text((secrets_dir / source).read_text())
        if "SECRETS_DIR" in environment:
            environment["SECRETS_DIR"] = str(tmp_path)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load_settings(settings_class(service))

    return read


@pytest.mark.parametrize("service", OURS)
def test_every_variable_is_a_setting(services: Services, service: str) -> None:
    mounted = {target.upper() for target in compose.mounted_secrets(services[service])}
    assert set(services[service]["environment"]) | mounted <= known_variables(service)


@pytest.mark.parametrize("service", OURS)
def test_the_service_can_start_with_what_it_is_given(read: Any, service: str) -> None:
    assert isinstance(read(service), ServiceSettings)


@pytest.mark.parametrize("service", OURS)
def test_secrets_come_as_files_never_as_variables(services: Services, service: str) -> None:
    given = {name.lower() for name in services[service]["environment"]}
    needed = SENSITIVE & set(settings_class(service).model_fields)
    assert not SENSITIVE & given
    assert needed <= set(compose.mounted_secrets(services[service]))
    assert ("secrets_dir" in given) == bool(needed)


@pytest.mark.parametrize("service", OURS)
def test_health_and_metrics_stay_inside_the_container(read: Any, service: str) -> None:
    settings = read(service)
    assert settings.ops_host == "127.0.0.1"
    assert settings.ops_port > 0


@pytest.mark.parametrize(
    ("service", "setting", "peer"),
    [
        ("aggregator", "socket_target", "socket"),
        ("profile", "authorization_target", "authorization"),
        ("profile", "aggregator_url", "aggregator"),
    ],
)
def test_a_service_is_configured_with_the_address_of_its_peer(
    read: Any, services: Services, service: str, setting: str, peer: str
) -> None:
    address = str(getattr(read(service), setting)).removeprefix("http://").rstrip("/")
    own = services[peer]["environment"]
    port = own.get("HTTP_PORT") or own["GRPC_ADDRESS"].rpartition(":")[2]
    assert address == f"{peer}:{port}"
    assert set(services[service]["networks"]) & set(services[peer]["networks"])


def test_the_analytic_contour_is_configured_only_where_it_runs(secrets_dir: Path, services: Services) -> None:
    for service, name in (("aggregator", "KAFKA_BOOTSTRAP_SERVERS"), ("profile", "DASHBOARD_URL")):
        assert services[service]["environment"][name] == ""
        for file in ("analytics.env", "all.env"):
            configured = compose.load({"SECRETS_PATH": str(secrets_dir), **compose.variables(file)})["services"]
            assert configured[service]["environment"][name] == compose.variables("analytics.env")[name]


def test_a_service_that_uses_kafka_or_clickhouse_has_its_address_and_shares_a_network(
    read: Any, services: Services
) -> None:
    address = compose.variables("analytics.env")["KAFKA_BOOTSTRAP_SERVERS"]
    for service, user in (("kafka_clickhouse", "crypto"), ("dashboard", "crypto_reader")):
        settings = read(service)
        assert settings.kafka_bootstrap_servers == address == "kafka:9092"
        assert settings.clickhouse_url.startswith(f"http://{user}:")
        assert settings.clickhouse_url.endswith("@clickhouse:8123/crypto")
    for service in ("aggregator", "kafka_clickhouse", "dashboard", "kafka-topics", "kafka-ui"):
        assert set(services[service]["networks"]) & set(services["kafka"]["networks"])
    for service in ("kafka_clickhouse", "dashboard"):
        assert set(services[service]["networks"]) & set(services["clickhouse"]["networks"])
    dashboard = compose.variables("analytics.env")["DASHBOARD_URL"]
    assert dashboard == f"http://dashboard:{services['dashboard']['environment']['HTTP_PORT']}"
    assert set(services["profile"]["networks"]) & set(services["dashboard"]["networks"])


def test_a_killed_consumer_comes_back_as_the_same_member(read: Any) -> None:
    assert read("kafka_clickhouse").kafka_group_instance_id


def test_secrets_point_at_the_databases_of_the_compose_file(read: Any, services: Services) -> None:
    for service, database in (("authorization", "postgres-auth"), ("profile", "postgres-profile")):
        settings = read(service)
        name = services[database]["environment"]["SERVICE_DATABASE"]
        assert settings.database_url.endswith(f"@{database}:5432/{name}")
        assert settings.database_url.startswith(f"postgresql://{name}:")
        assert settings.redis_url.endswith("@redis:6379/0")


def test_a_secrets_directory_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit) as ended:
        load_settings(ServiceSettings)
    assert ended.value.code == 2
    assert "SECRETS_DIR" in capsys.readouterr().err


def test_a_variable_wins_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "log_level").write_text("error\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    assert load_settings(ServiceSettings).log_level == "error"
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert load_settings(ServiceSettings).log_level == "debug"
