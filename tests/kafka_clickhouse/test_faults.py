"""Anything dies, freezes or is cut between Kafka and ClickHouse: no row missing, none twice, candles right.

Short by default. `make soak` runs it for as long as things may really last, by the variables below.
"""

import asyncio
import os
import random

import pytest

from deploy.local import clickhouse
from services.kafka_clickhouse.messages import TICKER_MESSAGES
from services.kafka_clickhouse.native import MARKET_TICKERS
from services.kafka_clickhouse.storage import Store
from tests.clickhouse_server import RunningClickHouse
from tests.kafka_broker import RunningKafka
from tests.kafka_clickhouse.cutting_proxy import cutting_proxy
from tests.kafka_clickhouse.pipeline import Consumer, Kind, Pipeline, pipeline, ticks
from tests.kafka_clickhouse.steady import SteadyProducer, steadily
from tests.processes import until

KAFKA_OUTAGE_S = float(os.environ.get("KAFKA_OUTAGE_S", "4"))
CLICKHOUSE_OUTAGE_S = float(os.environ.get("CLICKHOUSE_OUTAGE_S", "4"))
KILLS = int(os.environ.get("KILLS", "4"))
REBALANCES = int(os.environ.get("REBALANCES", "3"))
REBALANCE_INTERVAL_S = float(os.environ.get("REBALANCE_INTERVAL_S", "2"))
CATCH_UP_S = 120.0

pytestmark = pytest.mark.timeout(
    240 + KAFKA_OUTAGE_S + CLICKHOUSE_OUTAGE_S + 20 * KILLS + 3 * REBALANCES * REBALANCE_INTERVAL_S
)


async def all_is_there(between: Pipeline, producer: SteadyProducer) -> None:
    await between.until_stored(len(producer.sent), CATCH_UP_S)
    await between.assert_exactly(producer.sent)


async def more_is_stored(between: Pipeline, than: int) -> None:
    await between.until_stored(than + 1, CATCH_UP_S)


async def reports(consumer: Consumer, dependency: str, problem: str) -> None:
    async def reported() -> bool:
        return (await consumer.problems()).get(dependency) == problem

    await until(reported, 60, f"{dependency}: {problem}")


async def test_kafka_is_killed_and_comes_back(own_kafka: RunningKafka, clickhouse_server: RunningClickHouse) -> None:
    async with pipeline(own_kafka.bootstrap, clickhouse_server.url) as between:
        consumer = between.start()
        async with steadily(between) as producer:
            await more_is_stored(between, 500)
            own_kafka.process.kill()
            await asyncio.sleep(KAFKA_OUTAGE_S)
            await own_kafka.start_again()
            await more_is_stored(between, len(producer.sent))
        await all_is_there(between, producer)
        await consumer.ready()


async def test_clickhouse_is_killed_and_comes_back(
    kafka_broker: RunningKafka, own_clickhouse: RunningClickHouse
) -> None:
    async with pipeline(kafka_broker.bootstrap, own_clickhouse.url) as between:
        consumer = between.start(BATCH_ROWS="2000")
        async with steadily(between) as producer:
            await more_is_stored(between, 500)
            own_clickhouse.process.kill()
            await reports(consumer, "clickhouse", "StorageUnavailableError")
            await asyncio.sleep(CLICKHOUSE_OUTAGE_S)
            own_clickhouse.process.start()
            await clickhouse.wait_until_ready(own_clickhouse.server)
            await more_is_stored(between, len(producer.sent))
        await all_is_there(between, producer)
        await consumer.ready()


async def test_clickhouse_freezes_and_thaws(kafka_broker: RunningKafka, own_clickhouse: RunningClickHouse) -> None:
    async with pipeline(kafka_broker.bootstrap, own_clickhouse.url) as between:
        consumer = between.start(INSERT_TIMEOUT_S="2")
        async with steadily(between) as producer:
            await more_is_stored(between, 500)
            own_clickhouse.process.freeze()
            await reports(consumer, "clickhouse", "StorageUnavailableError")
            own_clickhouse.process.thaw()
            await more_is_stored(between, len(producer.sent))
        await all_is_there(between, producer)
        assert await between.rows(final=False) == await between.rows()  # what was tried again came once


async def test_a_stop_while_clickhouse_is_away_ends_in_time_and_loses_nothing(
    kafka_broker: RunningKafka, own_clickhouse: RunningClickHouse
) -> None:
    async with pipeline(kafka_broker.bootstrap, own_clickhouse.url) as between:
        consumer = between.start(SHUTDOWN_TIMEOUT_S="12")
        await consumer.ready()
        own_clickhouse.process.kill()
        sent = ticks(500)
        await between.send(sent)
        await reports(consumer, "clickhouse", "StorageUnavailableError")
        assert await asyncio.to_thread(consumer.process.stop) == 0
        assert "partitions.drain_cut" in consumer.process.output()
        own_clickhouse.process.start()
        await clickhouse.wait_until_ready(own_clickhouse.server)
        between.start()
        await between.until_stored(len(sent))
        await between.assert_exactly(sent)


async def test_an_insert_whose_answer_was_lost_is_in_the_table_once(
    kafka_broker: RunningKafka, clickhouse_server: RunningClickHouse, kind: Kind
) -> None:
    async with (
        cutting_proxy(clickhouse_server.url) as proxy,
        pipeline(kafka_broker.bootstrap, clickhouse_server.url, proxy.url, kind) as between,
    ):
        proxy.cuts = 5
        between.start()
        sent = kind.make(2_000)
        await between.send(sent)
        await between.until_stored(len(sent))
        await until(lambda: proxy.swallowed == 5, what="five lost answers")
        await between.assert_exactly(sent)
        assert await between.rows(final=False) == await between.rows()


async def test_without_its_token_an_insert_that_is_repeated_is_there_twice(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    store = Store(between.url, 30)
    sent = ticks(3)
    block = MARKET_TICKERS.encode(TICKER_MESSAGES.decode([tick.value for tick in sent])[0])
    unmerged = "max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1"
    await between.client.command(f"ALTER TABLE market_tickers MODIFY SETTING {unmerged}")
    for token in ("one", "one", "another"):
        await store.insert(MARKET_TICKERS, block, token)
    await store.close()
    assert len(await between.rows(final=False)) == 2 * len(sent)
    await between.assert_exactly(sent)


async def test_killed_at_random_points_it_loses_and_doubles_nothing(between: Pipeline) -> None:
    async with steadily(between) as producer:
        for _ in range(KILLS):
            stored = await between.count()
            consumer = between.start(KAFKA_GROUP_INSTANCE_ID="one", BATCH_ROWS="300")
            await more_is_stored(between, stored)
            await asyncio.sleep(random.uniform(0, 1))  # where it is killed is not to be known
            consumer.process.kill()
    between.start(KAFKA_GROUP_INSTANCE_ID="one")
    await all_is_there(between, producer)


async def test_rebalances_lose_and_double_nothing(between: Pipeline) -> None:
    first = between.start()
    async with steadily(between) as producer:
        await first.ready()
        for _ in range(REBALANCES):
            second = between.start()
            await second.ready()
            await asyncio.sleep(REBALANCE_INTERVAL_S)
            assert await asyncio.to_thread(second.process.stop) == 0
            await asyncio.sleep(REBALANCE_INTERVAL_S)
    await all_is_there(between, producer)
    assert await first.metric("kafka_clickhouse_rebalances_total") > REBALANCES
    assert await first.metric("kafka_clickhouse_messages_lost_total") == 0
    assert await between.rows(final=False) == await between.rows()  # each gave its partitions away drained
