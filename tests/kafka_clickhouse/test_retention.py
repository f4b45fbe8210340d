"""What Kafka deletes before it is stored is lost, and reported: how much, and which."""

import asyncio
from collections.abc import Iterable

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client import REGISTRY

from services.kafka_clickhouse.dead_letters import DeadLetters
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.lane import BatchLimits, Lane
from services.kafka_clickhouse.messages import TICKER_MESSAGES
from services.kafka_clickhouse.native import MARKET_TICKERS
from services.kafka_clickhouse.poison import PoisonWatch
from services.kafka_clickhouse.storage import Store
from services.kafka_clickhouse.streams import Stream
from tests.kafka_clickhouse.pipeline import Consumer, Message, Pipeline, Tick, ticks
from tests.processes import until

LOST = "kafka_clickhouse_messages_lost_total"


async def send(between: Pipeline, sent: Iterable[Tick]) -> None:
    """To one partition, so that the number of a tick is its offset."""
    await asyncio.gather(*[await between.producer.send(between.topic, tick.value, partition=0) for tick in sent])


async def delete_before(between: Pipeline, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=between.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(between.topic, 0): RecordsToDelete(offset)})
    finally:
        await admin.close()


async def until_committed(consumer: Consumer) -> None:
    async def committed() -> bool:
        return await consumer.metric("kafka_clickhouse_age_seconds_count") > 0

    await until(committed, what="a batch to be committed")


async def test_what_was_deleted_unread_is_counted_and_logged_once(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    sent = ticks(200)
    consumer = between.start()
    await send(between, sent[:100])
    await between.until_stored(100)
    assert await asyncio.to_thread(consumer.process.stop) == 0

    await send(between, sent[100:])
    await delete_before(between, 150)
    consumer = between.start()
    await between.until_stored(150)
    await until_committed(consumer)
    assert await consumer.metric(LOST) == 50
    (line,) = (line for line in consumer.process.output().splitlines() if "messages.lost" in line)
    assert "first=100 last=149" in line
    assert await asyncio.to_thread(consumer.process.stop) == 0

    consumer = between.start()
    await send(between, ticks(10, first=200))
    await between.until_stored(160)
    await until_committed(consumer)
    assert await consumer.metric(LOST) == 0
    await between.assert_exactly([*sent[:100], *sent[150:], *ticks(10, first=200)])


async def test_what_was_deleted_before_a_group_began_is_not_its_loss(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    await send(between, ticks(100))
    await delete_before(between, 40)
    consumer = between.start()
    await between.until_stored(60)
    await until_committed(consumer)
    assert await consumer.metric(LOST) == 0


@pytest.mark.parametrize(("begin", "lost"), [(10, 20), (8, 22), (50, 20), (None, 0)])
async def test_a_gap_is_found_wherever_a_batch_has_it(ticker_pipeline: Pipeline, begin: int | None, lost: int) -> None:
    between = ticker_pipeline
    store, dead_letters = Store(between.url, 30), DeadLetters(between.bootstrap, between.dead_letter_topic)
    committed: list[int] = []

    async def beginning() -> int | None:
        return begin

    async def commit(offset: int) -> None:
        committed.append(offset)

    tickers = Stream(between.topic, TICKER_MESSAGES, MARKET_TICKERS, between.dead_letter_topic)
    limits, partition = BatchLimits(1_000, 60), TopicPartition(between.topic, 7)
    intake = Intake(partition, tickers, store, dead_letters, PoisonWatch(), PoisonWatch())
    lane = Lane(partition, intake, limits, beginning, commit, on_room=lambda: None)
    sent = ticks(20)
    lane.offer([Message(offset, tick.value) for offset, tick in enumerate(sent[:10], start=10)])
    lane.offer([Message(offset, tick.value) for offset, tick in enumerate(sent[10:], start=40)])
    lane.close()
    labels = {"topic": between.topic, "partition": "7"}
    before = REGISTRY.get_sample_value(LOST, labels) or 0
    await lane.run()
    await store.close()
    assert (REGISTRY.get_sample_value(LOST, labels) or 0) - before == lost
    assert committed == [50]
    assert await between.count() == len(sent)
