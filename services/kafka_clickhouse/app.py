"""The composition root: what is opened, in what order, and what runs."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.common.kafka import silence_client_log
from services.common.lifecycle import Lifecycle
from services.kafka_clickhouse.consumption import Consumption
from services.kafka_clickhouse.dead_letters import DeadLetters
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.poison import PoisonWatch
from services.kafka_clickhouse.settings import KafkaClickHouseSettings
from services.kafka_clickhouse.storage import TickerStore

DRAIN_SHARE = 0.5
"""Of the time from SIGTERM to the hard end: to store what has been read. The rest is for leaving the group."""


@asynccontextmanager
async def app(settings: KafkaClickHouseSettings, life: Lifecycle) -> AsyncIterator[None]:
    """The running service. Leaving it stores and commits what has been read, then leaves the group."""
    silence_client_log()
    _look_for_garbage_rarely()
    async with AsyncExitStack() as stack:
        store = TickerStore(settings.clickhouse_url, settings.insert_timeout_s)
        stack.push_async_callback(store.close)
        dead_letters = DeadLetters(settings.kafka_bootstrap_servers, settings.kafka_dead_letter_topic)
        stack.push_async_callback(dead_letters.close)

        def new_intake() -> Intake:
            limit = settings.poison_limit_percent / 100
            return Intake(store, dead_letters, watch=PoisonWatch(limit), refusals=PoisonWatch(limit))

        consumption = Consumption(settings, new_intake)
        life.health.add_check("kafka", consumption.check_kafka)
        life.health.add_check("clickhouse", store.check)
        life.health.add_check("dead_letters", dead_letters.check)
        life.health.add_check("messages", consumption.check_messages)
        await stack.enter_async_context(life.background(consumption.run(), "consumption"))
        stack.push_async_callback(consumption.drain, DRAIN_SHARE * settings.shutdown_timeout_s)
        yield


def _look_for_garbage_rarely() -> None:
    """Records wait here by the hundred thousand, in no cycle: to look through them again and again costs 1 µs each."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
