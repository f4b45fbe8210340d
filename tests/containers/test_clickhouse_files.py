"""ClickHouse's container: the files it is given, and its health check against the engine that we have here."""

import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from deploy.local import clickhouse
from deploy.local.clickhouse.access import CONFIG
from deploy.local.clickhouse.allowed import READER_LIMITS
from tests.clickhouse_server import RunningClickHouse
from tests.containers import compose
from tests.processes import REPOSITORY

Services = dict[str, dict[str, Any]]


@pytest.mark.parametrize(
    ("user", "secret", "role", "uses"),
    [
        ("crypto", "clickhouse", "writer", "kafka_clickhouse"),
        ("crypto_reader", "clickhouse_reader", "reader", "dashboard"),
    ],
)
def test_each_user_has_the_password_that_its_service_uses_and_a_role(
    services: Services, secrets_dir: Path, user: str, secret: str, role: str, uses: str
) -> None:
    users = ElementTree.parse(secrets_dir / "clickhouse_users").getroot()
    password = (secrets_dir / f"{secret}_password").read_text()

    assert {each.tag for each in users.findall("users/*")} == {"crypto", "crypto_reader"}
    assert users.findtext(f"users/{user}/password") == password
    assert (secrets_dir / f"{secret}_url").read_text() == f"http://{user}:{password}@clickhouse:8123/crypto\n"
    assert users.find(f"profiles/{users.findtext(f'users/{user}/profile')}") is not None
    assert users.find(f"quotas/{users.findtext(f'users/{user}/quota')}") is not None
    assert users.findtext(f"users/{user}/grants/query") == f"GRANT {role}"
    assert users.find(f"roles/{role}/grants/query") is not None
    assert compose.mounted_secrets(services[uses])["clickhouse_url"] == f"{secret}_url"


def test_the_reader_has_the_limits_that_it_has_locally(secrets_dir: Path) -> None:
    profile = ElementTree.parse(secrets_dir / "clickhouse_users").getroot().find("profiles/reader")
    assert profile is not None
    assert {name: int(profile.findtext(name, "")) for name in READER_LIMITS} == READER_LIMITS
    assert {name: int(profile.findtext(f"constraints/{name}/max", "")) for name in READER_LIMITS} == READER_LIMITS
    assert {profile.findtext(f"constraints/{name}/min") for name in READER_LIMITS} == {"1"}
    assert profile.findtext("readonly") == "2"


def test_the_engine_takes_the_users_file(secrets_dir: Path, tmp_path: Path) -> None:
    """Read by the engine that we have here: its grants, profiles and constraints are such as it knows."""
    if not clickhouse.available():
        pytest.skip("no ClickHouse engine for this platform")
    users = (secrets_dir / "clickhouse_users").read_text()
    grants = "<grants><query>GRANT reader</query></grants>"
    only_user = f"<default><password/><profile>reader</profile><quota>default</quota>{grants}</default>"
    (tmp_path / "users.xml").write_text(users.replace("<users>", f"<users>{only_user}", 1))
    (tmp_path / "config.xml").write_text(CONFIG.format(directory=tmp_path))
    script = (
        f"import sys; sys.path.append({str(clickhouse.server.DIRECTORY)!r}); from chdb import _chdb\n"
        f"connection = _chdb.connect({f'{tmp_path}/data?config-file={tmp_path}/config.xml'!r})\n"
        "for sql in sys.stdin:\n"
        "    try: print(connection.query(sql, 'TSV').bytes().decode().strip())\n"
        "    except RuntimeError as error: print(str(error).rpartition('(')[2].rstrip(')'))\n"
    )
    statements = {
        "SELECT getSetting('max_execution_time')": "60",
        "SET max_execution_time = 30": "",
        "SET max_execution_time = 61": "SETTING_CONSTRAINT_VIOLATION",
        "SET readonly = 0": "READONLY",
        "CREATE TABLE crypto.t (a UInt8) ENGINE = Memory": "ACCESS_DENIED",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')": "ACCESS_DENIED",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')": "ACCESS_DENIED",
        "SELECT * FROM system.users": "ACCESS_DENIED",
    }
    ran = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(statements),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert dict(zip(statements, ran.stdout.splitlines(), strict=True)) == statements


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
