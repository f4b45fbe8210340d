"""The composition root: what is opened, in what order, and what runs."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiokafka import TopicPartition

from services.common.kafka import silence_client_log
from services.common.lifecycle import Lifecycle
from services.kafka_clickhouse.consumption import Consumption
from services.kafka_clickhouse.dead_letters import DeadLetters
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.poison import PoisonWatch
from services.kafka_clickhouse.settings import KafkaClickHouseSettings
from services.kafka_clickhouse.storage import Store
from services.kafka_clickhouse.streams import streams

DRAIN_SHARE = 0.5
"""Of the time from SIGTERM to the hard end: to store what has been read. The rest is for leaving the group."""


@asynccontextmanager
async def app(settings: KafkaClickHouseSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. Leaving it stores and commits what has been read, then leaves the group."""
    silence_client_log()
    _look_for_garbage_rarely()
    async with AsyncExitStack() as stack:
        store = Store(settings.clickhouse_url, settings.insert_timeout_s)
        stack.push_async_callback(store.close)
        by_topic = {stream.topic: stream for stream in streams(settings)}
        dead_letters = {
            topic: DeadLetters(settings.kafka_bootstrap_servers, stream.dead_letter_topic)
            for topic, stream in by_topic.items()
        }
        for letters in dead_letters.values():
            stack.push_async_callback(letters.close)

        def new_intake(partition: TopicPartition) -> Intake:
            stream, letters = by_topic[partition.topic], dead_letters[partition.topic]
            limit = settings.poison_limit_percent / 100
            return Intake(partition, stream, store, letters, PoisonWatch(limit), PoisonWatch(limit))

        async def check_dead_letters() -> None:
            for letters in dead_letters.values():
                await letters.check()

        consumption = Consumption(settings, list(by_topic), new_intake)
        life.health.add_check("kafka", consumption.check_kafka)
        life.health.add_check("clickhouse", store.check)
        life.health.add_check("dead_letters", check_dead_letters)
        life.health.add_check("messages", consumption.check_messages)
        await stack.enter_async_context(life.background(consumption.run(), "consumption"))
        stack.push_async_callback(consumption.drain, DRAIN_SHARE * settings.shutdown_timeout_s)
        yield


def _look_for_garbage_rarely() -> None:
    """Records wait here by the hundred thousand, in no cycle: to look through them again and again costs 1 µs each."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
