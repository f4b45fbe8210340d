"""deploy/secrets.sh: makes what is missing, keeps what is there, prints no secret."""

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.local import redis
from tests.containers import compose
from tests.processes import REPOSITORY


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    shutil.copy(REPOSITORY / "deploy" / "secrets.sh", tmp_path)
    for directory in ("clickhouse", "redis"):
        shutil.copytree(REPOSITORY / "deploy" / directory, tmp_path / directory)
    return tmp_path


def run(deploy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "secrets.sh", *arguments]
    return subprocess.run(command, cwd=deploy, capture_output=True, text=True, check=False)


def contents(deploy: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (deploy / "secrets").iterdir()}


@pytest.mark.parametrize("script", sorted((REPOSITORY / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_valid_shell_and_executable(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert script.stat().st_mode & stat.S_IXUSR


def test_it_makes_every_secret_that_compose_mounts(deploy: Path, document: dict[str, Any]) -> None:
    assert run(deploy).returncode == 0
    typed_by_a_person = {"clickhouse_password", "clickhouse_reader_password"}
    typed_by_a_person |= {f"{service}_redis_password" for service in redis.SERVICES}
    assert set(contents(deploy)) - typed_by_a_person == set(document["secrets"])
    assert {Path(secret["file"]).name for secret in document["secrets"].values()} == set(document["secrets"])


def test_only_the_owner_can_reach_them(deploy: Path) -> None:
    run(deploy)
    assert stat.S_IMODE((deploy / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (deploy / "secrets").iterdir()} == {0o444}


def test_it_prints_no_secret(deploy: Path) -> None:
    done = run(deploy)
    assert not [value for value in contents(deploy).values() if value.strip() in done.stdout + done.stderr]


def test_a_second_run_changes_nothing(deploy: Path) -> None:
    run(deploy)
    before, variables = contents(deploy), (deploy / ".env").read_text()
    assert run(deploy).returncode == 0
    assert contents(deploy) == before
    assert (deploy / ".env").read_text() == variables


def test_two_installations_share_no_secret(deploy: Path, secrets_dir: Path) -> None:
    run(deploy)
    assert not set(contents(deploy).values()) & {path.read_text() for path in secrets_dir.iterdir()}


def test_a_missing_secret_is_made_anew_and_its_urls_follow(deploy: Path) -> None:
    run(deploy)
    before = contents(deploy)
    (deploy / "secrets" / "redis_password").unlink()
    run(deploy)
    after = contents(deploy)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"redis_password", "redis_conf"}
    assert after["redis_password"] in after["redis_conf"]


def test_passwords_are_long_and_need_no_escaping_in_a_url(deploy: Path) -> None:
    run(deploy)
    passwords = [value for name, value in contents(deploy).items() if name.endswith("_password")]
    assert len(passwords) == 13
    assert all(re.fullmatch("[0-9a-f]{64}", password) for password in passwords)


def test_the_active_key_is_among_the_keys_and_long_enough(deploy: Path) -> None:
    run(deploy)
    keys = json.loads(contents(deploy)["jwt_keys"])
    assert list(keys) == [contents(deploy)["jwt_active_kid"].strip()]
    assert all(len(key) >= 32 for key in keys.values())


def test_rotation_signs_with_a_new_key_and_keeps_the_previous_one_alone(deploy: Path) -> None:
    run(deploy)
    first = json.loads(contents(deploy)["jwt_keys"])
    run(deploy, "rotate-jwt")
    second = json.loads(contents(deploy)["jwt_keys"])
    run(deploy, "rotate-jwt")
    third = json.loads(contents(deploy)["jwt_keys"])
    assert first.items() < second.items()
    assert len(third) == 2
    assert not first.items() & third.items()
    assert contents(deploy)["jwt_active_kid"].strip() in third.keys() - second.keys()


def test_an_unknown_command_is_refused(deploy: Path) -> None:
    done = run(deploy, "rotate")
    assert done.returncode == 2
    assert "rotate" in done.stderr


def test_it_leaves_other_variables_alone(deploy: Path) -> None:
    (deploy / ".env").write_text("TAG=1\n")
    run(deploy)
    assert (deploy / ".env").read_text() == "TAG=1\nSECRETS_PATH=./secrets\n"
    assert compose.load({"SECRETS_PATH": "./secrets"})


def test_secrets_stay_out_of_git_and_of_images() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert {"/deploy/secrets/", "/deploy/.env"} <= set(ignored)
