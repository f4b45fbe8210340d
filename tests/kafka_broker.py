"""A real Kafka broker for tests: one for the session, or one's own to kill and freeze. Our topics are made already."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import kafka
from deploy.local.kafka_topics import make_topics
from tests.processes import Process, free_port

FEW = "offsets.topic.num.partitions=1\ntransaction.state.log.num.partitions=1\n"
"""The fewer partitions, the sooner a consumer has its group."""
START_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class RunningKafka:
    server: kafka.KafkaServer
    process: Process

    @property
    def bootstrap(self) -> str:
        return self.server.bootstrap

    async def start_again(self) -> None:
        """After `process.kill()` or `process.stop()`; returns once it answers."""
        self.process.start()
        await kafka.wait_until_ready(self.server, START_LIMIT_S)


def start_kafka() -> RunningKafka:
    """A broker of its own in a temporary directory, ready, with our topics. The caller ends it with `stop_kafka`."""
    root = Path(tempfile.mkdtemp(prefix="crypto-test-kafka-"))
    server = kafka.prepare(root / "kafka", free_port(), free_port(), properties=FEW)
    running = RunningKafka(server, Process(server.command, {}).start())
    try:
        asyncio.run(kafka.wait_until_ready(server, START_LIMIT_S))
        asyncio.run(make_topics(server.bootstrap))
    except BaseException as error:
        stop_kafka(running)
        error.add_note(running.process.output()[-4000:])
        raise
    return running


def stop_kafka(running: RunningKafka) -> None:
    """At once: what it keeps will not be read."""
    running.process.kill()
    shutil.rmtree(running.server.data_dir.parent, ignore_errors=True)


async def new_topic(bootstrap: str, partitions: int = 3) -> str:
    """An empty topic of its own; its name."""
    name = f"test.{secrets.token_hex(6)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()
    return name


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[RunningKafka]:
    """The session's broker. Never stop it in a test: use `own_kafka` for that. `new_topic` makes empty topics."""
    running = start_kafka()
    yield running
    stop_kafka(running)


@pytest.fixture
def own_kafka() -> Iterator[RunningKafka]:
    """A broker that this test may kill, freeze and restart (`own_kafka.process`, `own_kafka.start_again`)."""
    running = start_kafka()
    yield running
    stop_kafka(running)
