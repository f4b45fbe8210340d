"""Origin of Kafka's programs: what is missing is reported, and half a fetch is never taken for a whole one."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.local import kafka_jars
from tests.processes import REPOSITORY

MAVEN = """
for word in "$@"; do case $word in -DoutputDirectory=*) target=${word#*=};; esac; done
mkdir -p "$target" && touch "$target/kafka_2.13-4.1.1.jar" && echo fetched >>"$0.log"
"""
"""Fetches one empty jar."""
OLD_JAVA = """echo 'openjdk version "11.0.2" 2019-01-15' >&2"""
NEW_JAVA = """echo 'openjdk version "21.0.5" 2024-10-15' >&2"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH beside the shell's, and a place of its own for what is fetched."""
    found = tmp_path / "tools"
    found.mkdir()
    for name in ("sh", "mkdir", "touch"):
        (found / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(found))
    for name in ("JAVA_HOME", "KAFKA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kafka_jars, "FETCHED", tmp_path / "kafka")
    return found


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_what_is_missing_is_reported_in_one_sentence(tools: Path) -> None:
    both = kafka_jars.missing()
    program(tools / "mvn", MAVEN)
    program(tools / "java", OLD_JAVA)
    only_java = kafka_jars.missing()
    (tools / "mvn").unlink()
    program(tools / "java", NEW_JAVA)
    only_maven = kafka_jars.missing()

    assert (both or "").endswith("(Debian, Ubuntu: apt install default-jre-headless maven).")
    assert only_java == "Kafka needs Java 17 or newer (Debian, Ubuntu: apt install default-jre-headless)."
    assert only_maven == "Kafka needs Maven, which fetches Kafka (Debian, Ubuntu: apt install maven)."


def test_once_fetched_maven_is_needed_no_more(tools: Path) -> None:
    program(tools / "java", NEW_JAVA)
    program(tools / "mvn", MAVEN)
    assert not kafka_jars.are_here()

    fetched = kafka_jars.fetched_jars()

    (tools / "mvn").unlink()
    assert kafka_jars.missing() is None
    assert kafka_jars.are_here()
    assert kafka_jars.fetched_jars() == fetched
    assert [jar.name for jar in fetched.iterdir()] == ["kafka_2.13-4.1.1.jar"]


def test_java_home_wins_over_path(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tools / "java", OLD_JAVA)
    program(tmp_path / "jdk" / "bin" / "java", NEW_JAVA)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))

    assert kafka_jars.java() == tmp_path / "jdk" / "bin" / "java"


def test_a_java_behind_a_shim_is_found_by_its_own_word(tools: Path, tmp_path: Path) -> None:
    """jenv's and mise's shims go by their name, and may not be there for another account or in another directory."""
    home = tmp_path / "jdk"
    program(home / "bin" / "java", NEW_JAVA)
    program(tools / "shims", f"""case $0 in */java) echo '    java.home = {home}' >&2; {NEW_JAVA};; *) exit 1;; esac""")
    (tools / "java").symlink_to("shims")

    assert kafka_jars.java() == home / "bin" / "java"


def test_a_link_that_goes_by_its_name_is_kept(tools: Path) -> None:
    program(tools / "shims", f"case $0 in */java) {NEW_JAVA};; *) exit 1;; esac")
    (tools / "java").symlink_to("shims")

    assert kafka_jars.java() == tools / "java"


def test_a_java_that_does_not_run_here_is_none(tools: Path) -> None:
    program(tools / "java", "")
    (tools / "java").write_bytes(b"\x7fELF of another machine")

    assert kafka_jars.java() is None


def test_a_fetch_that_fails_gives_the_reason_and_leaves_nothing_to_be_mistaken(tools: Path) -> None:
    failing = MAVEN.replace("echo fetched", "printf '\\033[0m[ERROR] no way to the repository\\n' && exit 1; echo")
    program(tools / "mvn", failing)

    with pytest.raises(RuntimeError, match="Maven could not fetch Kafka: no way to the repository"):
        kafka_jars.fetched_jars()

    assert not kafka_jars.are_here()


def test_an_account_without_a_home_keeps_what_maven_needs_beside_the_jars(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tools / "mvn", 'echo "$@" >"$0.arguments"\n' + MAVEN)
    homeless = SimpleNamespace(pw_dir=str(tmp_path / "nonexistent"))
    monkeypatch.setattr("pwd.getpwuid", lambda uid: homeless)

    kafka_jars.fetched_jars()

    repository = kafka_jars.FETCHED / "repository"
    assert f"-Dmaven.repo.local={repository}" in (tools / "mvn.arguments").read_text()
    assert not repository.exists()


def test_what_an_interrupted_fetch_left_is_not_kept(tools: Path) -> None:
    program(tools / "mvn", "kill -9 $$")
    with pytest.raises(RuntimeError):
        kafka_jars.fetched_jars()
    (partial,) = [kafka_jars.FETCHED / f"{kafka_jars.fetched_dir().name}.partial"]
    partial.mkdir()
    (partial / "half.jar").touch()

    program(tools / "mvn", MAVEN)
    assert [jar.name for jar in kafka_jars.fetched_jars().iterdir()] == ["kafka_2.13-4.1.1.jar"]
    assert not partial.exists()


def test_a_changed_pom_is_fetched_anew_and_replaces_what_was_there(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tools / "mvn", MAVEN)
    first = kafka_jars.fetched_jars()
    pom = tmp_path / "pom.xml"
    pom.write_text("another")
    monkeypatch.setattr(kafka_jars, "POM", pom)

    second = kafka_jars.fetched_jars()

    assert second != first
    assert not first.exists()


def test_many_who_need_it_at_once_fetch_it_once(tools: Path, tmp_path: Path) -> None:
    program(tools / "mvn", MAVEN)
    code = (
        "import pathlib, sys; from deploy.local import kafka_jars;"
        "kafka_jars.FETCHED = pathlib.Path(sys.argv[1]); print(kafka_jars.fetched_jars())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "kafka")]
    together = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) for _ in range(3)]
    printed = {each.communicate(timeout=60)[0] for each in together}

    assert len(printed) == 1
    assert (tools / "mvn.log").read_text() == "fetched\n"


def test_an_installed_kafka_is_used_unless_it_is_too_old(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "opt" / "kafka"
    program(home / "bin" / "kafka-server-start.sh", "")
    (home / "libs").mkdir()
    (home / "libs" / "kafka_2.13-3.9.0.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(home))
    assert kafka_jars.system_jars() is None

    (home / "libs" / "kafka_2.13-4.0.0.jar").touch()
    assert kafka_jars.system_jars() == home / "libs"
    monkeypatch.delenv("KAFKA_HOME")
    (tools / "kafka-server-start.sh").symlink_to(home / "bin" / "kafka-server-start.sh")
    assert kafka_jars.system_jars() == home / "libs"
