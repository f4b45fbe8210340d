"""Preparing and keeping a real Kafka broker."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local import kafka
from deploy.local.kafka_topics import TOPICS, make_topics
from tests.kafka_broker import RunningKafka
from tests.processes import free_port, until


async def test_topics_are_made_once(kafka_broker: RunningKafka) -> None:
    assert await make_topics(kafka_broker.bootstrap) == []

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(list(TOPICS))
    finally:
        await admin.close()
    partitions = {each["topic"]: len(each["partitions"]) for each in described}
    assert partitions == {
        "binance.miniticker": 3,
        "binance.miniticker.dlq": 1,
        "binance.aggtrade": 3,
        "binance.aggtrade.dlq": 1,
    }


async def test_a_controller_that_is_not_known_yet_is_waited_for(
    kafka_broker: RunningKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    described, unknown = AIOKafkaAdminClient.describe_cluster, [-1, -1]

    async def early(admin: AIOKafkaAdminClient) -> dict[str, Any]:
        found: dict[str, Any] = await described(admin)
        return found | {"controller_id": unknown.pop()} if unknown else found

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_cluster", early)
    assert await make_topics(kafka_broker.bootstrap) == []
    assert unknown == []


async def test_dead_letters_stay_at_any_age_also_where_the_topic_was_there_before(
    own_kafka: RunningKafka,
) -> None:
    kept = {"retention.ms": "-1", "retention.bytes": "1073741824"}
    assert await dead_letter_configs(own_kafka) == kept

    await set_dead_letter_configs(own_kafka, {"segment.bytes": "1048576"})
    await make_topics(own_kafka.bootstrap)
    await shown(own_kafka, kept | {"segment.bytes": "1048576"})

    chosen = {"retention.ms": "3600000", "retention.bytes": "1048576"}
    await set_dead_letter_configs(own_kafka, chosen)
    await make_topics(own_kafka.bootstrap)
    assert await dead_letter_configs(own_kafka) == chosen


async def set_dead_letter_configs(broker: RunningKafka, configs: dict[str, str]) -> None:
    """These, and no others."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "binance.miniticker.dlq", configs)])
    finally:
        await admin.close()
    await shown(broker, configs)


async def shown(broker: RunningKafka, configs: dict[str, str]) -> None:
    """Wait until these are set: a broker shows what it has confirmed a moment later."""

    async def as_wanted() -> bool:
        return await dead_letter_configs(broker) == configs

    await until(as_wanted, what=f"the settings {configs}")


async def dead_letter_configs(broker: RunningKafka) -> dict[str, str]:
    """What is set for the topic itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "binance.miniticker.dlq")])
    finally:
        await admin.close()
    ((*_, entries),) = answer.resources
    return {name: value for name, value, _, source, *_ in entries if source == 1}


async def test_what_was_acknowledged_survives_a_kill(own_kafka: RunningKafka) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own_kafka.bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait("binance.miniticker.dlq", b"kept")
    await producer.stop()

    own_kafka.process.kill()
    await own_kafka.start_again()

    consumer = AIOKafkaConsumer(bootstrap_servers=own_kafka.bootstrap)
    await consumer.start()
    try:
        consumer.assign([TopicPartition("binance.miniticker.dlq", 0)])
        await consumer.seek_to_beginning()
        message = await asyncio.wait_for(consumer.getone(), 30)
    finally:
        await consumer.stop()
    assert message.value == b"kept"


async def test_a_stop_is_polite_and_within_the_launchers_grace(own_kafka: RunningKafka) -> None:
    own_kafka.process.stop(timeout_s=12)

    assert (own_kafka.server.data_dir / "topics" / ".kafka_cleanshutdown").exists()


async def test_a_directory_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")

    server = kafka.prepare(tmp_path / "Müllers = C:\\Kafka", free_port(), free_port())

    assert (server.data_dir / "topics" / "meta.properties").exists()


async def test_a_name_that_kafka_takes_for_two_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a comma in its name"):
        kafka.prepare(tmp_path / "here, there", free_port(), free_port())


async def test_a_cluster_id_may_begin_with_a_hyphen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))

    server = kafka.prepare(tmp_path / "kafka", free_port(), free_port())

    assert "cluster.id=-" in (server.data_dir / "topics" / "meta.properties").read_text()
