"""Records without aiokafka's object around each, for the consumers that ask for it."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from services.kafka_clickhouse.records import plain
from tests.kafka_broker import RunningKafka, new_topic
from tests.processes import until

SENT = [(b"BTCUSDT", b"1"), (None, b"2"), (b"BTCUSDT", None), (b"BTCUSDT", b"3" * 5_000)]


async def read(kafka: RunningKafka, topic: str, most: int | None = None, **settings: object) -> list[object]:
    """All records of the topic, as a consumer with these settings gets them, at most so many at a time."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", **settings)
    await consumer.start()
    try:
        partition, found = TopicPartition(topic, 0), list[object]()
        consumer.assign([partition])

        async def all_read() -> bool:
            found.extend((await consumer.getmany(timeout_ms=200, max_records=most)).get(partition, []))
            return len(found) >= len(SENT)

        await until(all_read, what="all records")
        assert await consumer.position(partition) == len(SENT)
        return found
    finally:
        await consumer.stop()


async def filled(kafka: RunningKafka) -> str:
    """A topic with what is sent, in one compressed batch."""
    topic = await new_topic(kafka.bootstrap, 1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type="lz4")
    await producer.start()
    try:
        batch = producer.create_batch()
        for key, value in SENT:
            assert batch.append(key=key, value=value, timestamp=None)
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
    return topic


async def test_a_plain_record_has_its_offset_key_and_value(kafka_broker: RunningKafka) -> None:
    topic = await filled(kafka_broker)
    for most in (None, 1, 3):
        found = await read(kafka_broker, topic, most, value_deserializer=plain)
        assert [(record.offset, record.key, record.value) for record in found] == [  # type: ignore[attr-defined]
            (offset, *sent) for offset, sent in enumerate(SENT)
        ]
        assert not any(isinstance(record, ConsumerRecord) for record in found)


async def test_other_consumers_get_what_they_always_get(kafka_broker: RunningKafka) -> None:
    found = await read(kafka_broker, await filled(kafka_broker))
    assert [type(record) for record in found] == [ConsumerRecord] * len(SENT)
