"""Kafka's container without an engine: its script and configuration, run here with the programs that the image has."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local import kafka, kafka_jars
from deploy.local.kafka_topics import CONFIGS, TOPICS, make_topics
from tests.processes import REPOSITORY, Process, free_port, until

Services = dict[str, dict[str, Any]]

FILES = REPOSITORY / "deploy" / "kafka"
PROGRAMS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


@dataclass(frozen=True, slots=True)
class ComposeKafka:
    """The broker as compose.yaml starts it: its paths put below a directory, its ports moved."""

    process: Process
    port: int


@pytest.fixture
def compose_kafka(tmp_path: Path) -> Iterator[ComposeKafka]:
    programs = tmp_path / "bin"
    programs.mkdir()
    jars = kafka_jars.system_jars() or kafka_jars.fetched_jars()
    java = f'{kafka_jars.java()} {" ".join(kafka.MODEST)} -cp "{jars}/*"'
    for name, program in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {java} {program} "$@"\n')
        (programs / name).chmod(0o755)
    clients = free_port()
    data = {"/var/lib/kafka/data": str(tmp_path)}
    moved = {
        "://kafka:9092": f"://127.0.0.1:{clients}",
        "CLIENTS://:9092": f"CLIENTS://127.0.0.1:{clients}",
        "HOST://:19092": f"HOST://127.0.0.1:{free_port()}",
        "127.0.0.1:9093": f"127.0.0.1:{free_port()}",
    }
    _copy(FILES / "server.properties", tmp_path / "server.properties", moved | data)
    places = {"/opt/kafka/bin": str(programs), "/etc/crypto-kafka": str(tmp_path)}
    _copy(FILES / "start.sh", tmp_path / "start.sh", places | data)
    process = Process(["/bin/sh", str(tmp_path / "start.sh")], {}).start()
    yield ComposeKafka(process, clients)
    process.kill()


def _copy(source: Path, target: Path, moved: dict[str, str]) -> None:
    text = source.read_text()
    for old, new in moved.items():
        assert old in text
        text = text.replace(old, new)
    target.write_text(text)


def health(services: Services, port: int) -> int:
    _, *command = services["kafka"]["healthcheck"]["test"]
    command = [word.replace("/9092", f"/{port}") for word in command]
    return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode


async def test_the_node_formats_itself_once_starts_and_is_healthy_until_it_stops(
    services: Services, compose_kafka: ComposeKafka
) -> None:
    process, port = compose_kafka.process, compose_kafka.port
    await until(lambda: health(services, port) == 0, 60, "health")
    assert await make_topics(f"127.0.0.1:{port}") == list(TOPICS)

    process.stop()
    assert health(services, port) != 0
    process.start()
    await until(lambda: health(services, port) == 0, 60, "health")
    async with asyncio.timeout(30):
        await kafka.check_address(f"127.0.0.1:{port}")
    assert await make_topics(f"127.0.0.1:{port}") == []


def test_the_topics_are_those_of_make_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    _copy(FILES / "topics.sh", tmp_path / "topics.sh", {"/opt/kafka/bin": str(tmp_path)})
    for program in ("kafka-topics.sh", "kafka-configs.sh"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
        (tmp_path / program).chmod(0o755)
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}
    subprocess.run(["sh", tmp_path / "topics.sh"], env=environment, check=True)

    calls = log.read_text()
    assert dict(re.findall(r"--topic (\S+) --partitions (\d+)", calls)) == {
        name: str(partitions) for name, partitions in TOPICS.items()
    }
    assert calls.count("--bootstrap-server kafka:9092 --create --if-not-exists") == len(TOPICS)
    configured = re.findall(r"--alter --entity-type topics --entity-name (\S+) --add-config (\S+)", calls)
    assert {name: dict(pair.split("=") for pair in config.split(",")) for name, config in configured} == CONFIGS


def test_a_start_without_the_environment_file_reports_what_is_missing() -> None:
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": ""}
    done = subprocess.run(["sh", FILES / "topics.sh"], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "--env-file deploy/analytics.env" in done.stderr
