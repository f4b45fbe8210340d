"""The compose files: valid by the official schema, complete, and closed to the outside unless opened."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from services.common.settings import ServiceSettings
from tests.containers import compose, dockerfile
from tests.containers.compose import MIGRATIONS, ONE_SHOT, OURS
from tests.processes import REPOSITORY

Services = dict[str, dict[str, Any]]

SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

DATABASES = {"postgres-auth": ("authorization", 5432), "postgres-profile": ("profile", 5434)}
OTHER_PORTS = {
    "redis": [6379],
    "redis-commander": [8081],
    "kafka": [9092],
    "clickhouse": [8123],
    "kafka-ui": [8084],
    "tabix": [8082],
}
ANALYTICS = {
    "kafka",
    "kafka-topics",
    "clickhouse",
    "kafka_clickhouse",
    "kafka_clickhouse-migrate",
    "dashboard",
    "backfill",
}
OPS = {"redis-commander", "kafka-ui", "tabix"}


@pytest.mark.parametrize("path", [compose.COMPOSE, compose.ROOT_COMPOSE], ids=["deploy", "root"])
def test_follows_the_compose_specification(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_text()))


def test_follows_the_specification_with_its_variables_put_in(document: dict[str, Any]) -> None:
    VALIDATOR.validate(document)


def test_the_schema_notices_a_misspelt_key(document: dict[str, Any]) -> None:
    services = {**document["services"], "redis": {**document["services"]["redis"], "helthcheck": {}}}
    assert not VALIDATOR.is_valid({**document, "services": services})


def test_the_root_file_includes_all_under_the_same_project_name(document: dict[str, Any]) -> None:
    root = compose.load({}, compose.ROOT_COMPOSE)
    assert [REPOSITORY / path for path in root["include"]] == [compose.COMPOSE]
    assert root["name"] == document["name"]


def test_without_secrets_it_names_the_command_to_run() -> None:
    with pytest.raises(compose.MissingVariableError, match=re.escape("sh deploy/secrets.sh")):
        compose.load({})


def test_every_process_has_its_service(services: Services) -> None:
    assert set(services) == {*OURS, *ONE_SHOT, *DATABASES, *OTHER_PORTS}
    for name in OURS:
        build = services[name]["build"]
        assert build["args"]["SERVICE"] == name
        assert build.get("target") == ("with-web-app" if name == "profile" else None)
        assert (compose.COMPOSE.parent / build["context"] / build["dockerfile"]).resolve() == dockerfile.DOCKERFILE


def test_a_migration_runs_the_image_and_environment_of_its_service(services: Services) -> None:
    for name in MIGRATIONS:
        service = services[name.removesuffix("-migrate")]
        differences = {key for key in {*service, *services[name]} if service.get(key) != services[name].get(key)}
        assert differences - {"ports"} == {"command", "restart", "healthcheck", "depends_on"}
        assert "ports" not in services[name]
        assert services[name]["command"] == ["migrate"]
        assert services[name]["restart"] == "no"


@pytest.mark.parametrize("name", OURS)
def test_ports_are_those_of_the_contracts(services: Services, name: str) -> None:
    rows = (REPOSITORY / "docs" / "contracts.md").read_text().splitlines()
    (row,) = [line.split("|") for line in rows if line.startswith(f"| {name} |")]
    assert _published(services[name]) == [int(port) for port in re.findall(r"\d{4,5}", row[2])]
    assert services[name]["environment"]["OPS_PORT"] == row[3].strip()


def test_infrastructure_is_published_where_people_expect_it(services: Services) -> None:
    for name, (_, port) in DATABASES.items():
        assert _published(services[name]) == [port]
    for name, ports in OTHER_PORTS.items():
        assert _published(services[name]) == ports


def test_nothing_is_published_beyond_this_machine_by_default(services: Services) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_only_profile_can_be_opened_to_the_outside(secrets_dir: Path) -> None:
    opened = compose.load({"SECRETS_PATH": str(secrets_dir), "BIND_ADDRESS": "0.0.0.0"})["services"]
    ports = {name: port for name, service in opened.items() for port in service.get("ports", ())}
    assert [name for name, port in ports.items() if port.startswith("0.0.0.0:")] == ["profile"]


def liberties(service: dict[str, Any]) -> set[str]:
    """What a container is allowed beyond the least: an entry with nothing but an image has all but the added ones."""
    log = service.get("logging", {}).get("options", {})
    host = {"privileged", "devices", "network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup_parent", "group_add"}
    taken = {
        "root": not service.get("user") or bool({"root", "0"} & set(service["user"].split(":"))),
        "writable": service.get("read_only") is not True,
        "capabilities": service.get("cap_drop") != ["ALL"],
        "added capabilities": bool(service.get("cap_add")),
        "new privileges": service.get("security_opt") != ["no-new-privileges:true"],
        "the host": bool(host & set(service)) or any(str(each).startswith("/") for each in service.get("volumes", ())),
        "memory": not service.get("mem_limit"),
        "processes": not service.get("pids_limit"),
        "logs": not {"max-size", "max-file"} <= set(log),
    }
    return {name for name, is_taken in taken.items() if is_taken}


def test_every_container_is_confined(services: Services) -> None:
    assert {name: taken for name, service in services.items() if (taken := liberties(service))} == {
        "redis-commander": {"writable"},  # writes its configuration at start
        "tabix": {"writable", "root", "added capabilities"},  # the same; its web server changes its user
    }


def test_a_new_container_has_to_be_confined_too(services: Services) -> None:
    unconfined = {"root", "writable", "capabilities", "new privileges", "memory", "processes", "logs"}
    assert liberties({"image": "another:1.0"}) == unconfined
    for user in ("root", "0", "0:10001", "10001:0", ""):
        assert liberties({**services["socket"], "user": user}) == {"root"}
    assert liberties({**services["socket"], "privileged": True}) == {"the host"}
    assert liberties({**services["socket"], "volumes": ["/var/run/docker.sock:/socket"]}) == {"the host"}


def test_our_containers_run_as_the_user_of_their_image(services: Services) -> None:
    (user,) = {step.text for step in dockerfile.instructions() if step.name == "USER"}
    assert {services[name]["user"] for name in (*OURS, *MIGRATIONS)} == {user}


def test_a_stop_leaves_time_to_drain(services: Services) -> None:
    drain_s = ServiceSettings.model_fields["shutdown_timeout_s"].default
    for name, service in services.items():
        assert int(service["stop_grace_period"].removesuffix("s")) > drain_s, name


def test_everything_that_stays_up_is_restarted_and_has_a_health_check(services: Services) -> None:
    for name, service in services.items():
        if name not in ONE_SHOT:
            assert service["restart"] == "unless-stopped", name
            assert name in OURS or service["healthcheck"]["test"], name  # ours bring it in the image


def test_a_service_waits_for_its_migration_and_for_what_it_cannot_start_without(services: Services) -> None:
    for name, service in services.items():
        for dependency, condition in service.get("depends_on", {}).items():
            expected = {"service_completed_successfully"} if dependency in ONE_SHOT else {"service_healthy"}
            # Prices may be absent: nothing waits for the exchange. Nor does the dashboard wait for history.
            if dependency in {"socket", "aggregator"} or (name in {"dashboard", "kafka-ui"} and dependency != "redis"):
                expected = {"service_started"}
            assert {condition["condition"]} == expected, (name, dependency)
    for database, (owner, _) in DATABASES.items():
        assert {database, f"{owner}-migrate", "redis"} <= set(services[owner]["depends_on"])


def test_a_database_is_reachable_for_its_own_service_alone(services: Services) -> None:
    for database, (owner, _) in DATABASES.items():
        (network,) = services[database]["networks"]
        members = {name for name, service in services.items() if network in service["networks"]}
        assert members == {database, owner, f"{owner}-migrate"}


def test_every_network_volume_and_secret_is_declared_and_used(document: dict[str, Any], services: Services) -> None:
    networks = {network for service in services.values() for network in service["networks"]}
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    used = {source for service in services.values() for source in compose.mounted_secrets(service).values()}
    assert networks == set(document["networks"])
    assert {volume for volume in volumes if not volume.startswith(".")} == set(document["volumes"])
    assert used == set(document["secrets"])
    for path in (volume for volume in volumes if volume.startswith(".")):
        assert (compose.COMPOSE.parent / path).exists()


def test_others_images_are_pinned_to_a_release(services: Services) -> None:
    foreign = {service["image"] for service in services.values() if "build" not in service}
    assert len(foreign) == 7
    # No release of these is tagged there: see ADR 0009.
    foreign -= {"rediscommander/redis-commander:latest", "spoonest/clickhouse-tabix-web-client:stable"}
    assert [image for image in foreign if not re.search(r":v?\d+\.\d+(\.\d+)?(-alpine)?$", image)] == []


def test_kafka_is_the_version_that_runs_without_containers(services: Services) -> None:
    version = services["kafka"]["image"].partition(":")[2]
    assert f"<version>{version}</version>" in (REPOSITORY / "deploy" / "local" / "pom.xml").read_text()


def test_the_operational_contour_alone_is_the_default(services: Services) -> None:
    by_profile: dict[str, set[str]] = {}
    for name, service in services.items():
        for profile in service.get("profiles", ("",)):
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile.pop("") == {*MIGRATIONS[:2], *OURS[:4], *DATABASES, "redis"}
    assert by_profile == {"analytics": ANALYTICS, "ops": OPS, "simulator": {"simulator"}}


def test_what_starts_by_default_needs_nothing_of_a_profile(services: Services) -> None:
    for name, service in services.items():
        for dependency, condition in service.get("depends_on", {}).items():
            profiles = set(services[dependency].get("profiles", ()))
            same = not profiles or profiles & set(service.get("profiles", ()))
            assert same or condition.get("required") is False, (name, dependency)


def test_one_command_starts_everything() -> None:
    profiles = set(compose.variables("all.env")["COMPOSE_PROFILES"].split(","))
    assert profiles == {"analytics", "ops"}
    assert compose.variables("analytics.env")["COMPOSE_PROFILES"] == "analytics"


def test_the_simulator_starts_only_when_asked_for(services: Services) -> None:
    variables = compose.variables("simulator.env")
    assert services["simulator"]["profiles"] == [variables.pop("COMPOSE_PROFILES")]
    simulated = compose.load({"SECRETS_PATH": "secrets", **variables})["services"]["socket"]["environment"]
    assert simulated["EXCHANGE_SOURCE"] == "simulator"
    assert simulated["EXCHANGE_STREAM_URL"] == "ws://simulator:9443"
    assert simulated["EXCHANGE_REST_URL"] == "http://simulator:9444"


def _published(service: dict[str, Any]) -> list[int]:
    return [int(port.split(":")[-2]) for port in service.get("ports", ())]
