"""ClickHouse's container: the files it is given, and its health check against the engine that we have here."""

import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.clickhouse_server import RunningClickHouse
from tests.containers import compose
from tests.processes import REPOSITORY

Services = dict[str, dict[str, Any]]


def test_the_only_user_has_the_password_that_the_services_use(services: Services, secrets_dir: Path) -> None:
    users = ElementTree.parse(secrets_dir / "clickhouse_users").getroot()
    password = (secrets_dir / "clickhouse_password").read_text()

    assert [user.tag for user in users.findall("users/*")] == ["crypto"]
    assert users.findtext("users/crypto/password") == password
    assert (secrets_dir / "clickhouse_url").read_text() == f"http://crypto:{password}@clickhouse:8123/crypto\n"
    assert users.find(f"profiles/{users.findtext('users/crypto/profile')}") is not None
    assert users.find(f"quotas/{users.findtext('users/crypto/quota')}") is not None


def test_the_configuration_reads_the_mounted_users_and_answers_tabix(services: Services) -> None:
    config = ElementTree.parse(REPOSITORY / "deploy" / "clickhouse" / "config.xml").getroot()

    path = config.findtext("user_directories/users_xml/path") or ""
    assert path.removeprefix("/run/secrets/") in compose.mounted_secrets(services["clickhouse"])
    headers = {each.findtext("name"): each.findtext("value") for each in config.findall("http_options_response/header")}
    tabix = services["tabix"]["ports"][0].split(":")[-2]
    assert headers["Access-Control-Allow-Origin"] == f"http://localhost:{tabix}"
    assert "authorization" in (headers["Access-Control-Allow-Headers"] or "")


def test_clickhouse_is_healthy_while_it_answers(services: Services, clickhouse_server: RunningClickHouse) -> None:
    _, *command = services["clickhouse"]["healthcheck"]["test"]

    def health(port: int) -> int:
        moved = [word.replace(":8123", f":{port}") for word in command]
        return subprocess.run(moved, capture_output=True, check=False, timeout=30).returncode

    assert health(clickhouse_server.server.port) == 0
    assert health(1) != 0
