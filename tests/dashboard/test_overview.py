"""The operator's page: its files, its figures from the real parts, and the problems it lists when they fail."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from services.dashboard.kafka import LagReader, PartitionLag
from tests.clickhouse_server import RunningClickHouse
from tests.conftest import RunningRedis
from tests.dashboard.conftest import Dashboard, Engine, client_of, migrated, start_dashboard
from tests.kafka_broker import RunningKafka, new_topic
from tests.processes import free_port, until

COMPUTED = "dashboard_overviews_total"


async def insert_tickers(engine: Engine, symbols: int, seconds_ago: float, copies: int = 1) -> None:
    """A mini-ticker of each symbol, `copies` times."""
    event_ms = int((time.time() - seconds_ago) * 1000)
    for _ in range(copies):
        await engine.run(
            "INSERT INTO market_tickers (message_id, event_type, event_time, receive_time, symbol, close_price, "
            "open_price, high_price, low_price, change_price, change_percent, volume, quote_volume, source) "
            f"SELECT concat('S', toString(number), 'USDT:{event_ms}'), '24hrMiniTicker', "
            f"fromUnixTimestamp64Milli({event_ms}, 'UTC'), fromUnixTimestamp64Milli({event_ms}, 'UTC'), "
            "concat('S', toString(number), 'USDT'), toDecimal128('0.123456789012345678', 18), 1, 1, 1, 0, 0, 1, 1, "
            f"'simulator' FROM numbers({symbols})"
        )


async def overview_of(client: httpx.AsyncClient) -> Any:
    answer = await client.get("/v1/overview")
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css"])
async def test_the_page_needs_nothing_from_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert not re.search(r"(src|href|url|import|fetch)\W{0,3}(https?:)?//", answer.text)
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script>|<style>| style=| on\w+=", answer.text)
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_newest_rows_figures_and_tables(client: httpx.AsyncClient, engine: Engine) -> None:
    """Newest first; a replayed row shows once; 100 of them although the newest seconds hold fewer."""
    await insert_tickers(engine, symbols=90, seconds_ago=400)
    await insert_tickers(engine, symbols=40, seconds_ago=1, copies=2)

    async def shown() -> Any:
        overview = await overview_of(client)
        return overview if len(overview["rows"]) == 100 and overview["ingest"] else None

    overview = await until(shown, what="the rows are shown")
    rows = [dict(zip(overview["columns"], row, strict=True)) for row in overview["rows"]]
    assert len({row["message_id"] for row in rows}) == 100
    assert [row["event_time"] for row in rows] == sorted((row["event_time"] for row in rows), reverse=True)
    assert {row["close_price"] for row in rows} == {"0.123456789012345678"}
    assert rows[0]["symbol"] == "S0USDT"
    assert overview["age"]["age_ms"] < 60_000
    assert sum(bucket["rows"] for bucket in overview["ingest"]) >= 170
    assert all(0 <= bucket["median_ms"] <= bucket["slowest_ms"] for bucket in overview["ingest"])
    tables = {table["table"]: table for table in overview["tables"]}
    assert tables["market_tickers"]["rows"] >= 130
    assert tables["candles_1s_states"]["bytes"] > 0
    assert overview["prices"]["source"] == "simulator"


async def test_one_overview_a_second_is_computed_for_all_viewers(
    client: httpx.AsyncClient, dashboard: Dashboard
) -> None:
    loop = asyncio.get_running_loop()
    before, started = await dashboard.metric(COMPUTED), loop.time()
    await asyncio.gather(*(overview_of(client) for _ in range(40)))
    computed = await dashboard.metric(COMPUTED) - before
    assert computed <= 1 + (loop.time() - started)


@pytest.fixture
async def watched(
    own_clickhouse: RunningClickHouse, redis_server: RunningRedis
) -> AsyncIterator[tuple[Dashboard, RunningClickHouse]]:
    """A dashboard whose ClickHouse the test may break, and whose Kafka is not there."""
    engine = await asyncio.to_thread(migrated, own_clickhouse)
    env = {"CLICKHOUSE_URL": engine.reader_url, "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    started = await asyncio.to_thread(start_dashboard, redis_server.url, **env)
    yield started, own_clickhouse
    started.process.stop()


async def test_what_is_down_is_listed(watched: tuple[Dashboard, RunningClickHouse]) -> None:
    dashboard, clickhouse = watched
    async with client_of(dashboard) as client:

        async def lists(sentence: str) -> bool:
            return any(sentence in problem for problem in (await overview_of(client))["problems"])

        assert await lists("Kafka does not answer")
        await until(lambda: lists("ClickHouse holds no row yet"), what="no rows")
        clickhouse.process.freeze()
        try:
            await until(lambda: lists("ClickHouse does not answer"), what="frozen")
            assert (await overview_of(client))["prices"]["symbols"] == 4
        finally:
            clickhouse.process.thaw()
        await until(lambda: lists("ClickHouse holds no row yet"), what="back")


async def test_lag_is_the_groups_own(kafka_broker: RunningKafka) -> None:
    topic, group = await new_topic(kafka_broker.bootstrap), "lag-test"
    producer = AIOKafkaProducer(bootstrap_servers=kafka_broker.bootstrap)
    await producer.start()
    for partition, messages in ((0, 5), (1, 2)):
        for _ in range(messages):
            await producer.send_and_wait(topic, b"x", partition=partition)
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_broker.bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    await consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(3, "")})
    await consumer.stop()
    lag = LagReader(kafka_broker.bootstrap, [topic, "no.such.topic"], group)
    try:
        for _ in range(2):
            assert await lag.read() == [
                PartitionLag(topic, 0, 5, 3, 2),
                PartitionLag(topic, 1, 2, None, None),
                PartitionLag(topic, 2, 0, None, None),
            ]
    finally:
        await lag.close()


async def test_lag_of_a_broker_that_freezes_and_comes_back(own_kafka: RunningKafka) -> None:
    topic = await new_topic(own_kafka.bootstrap)
    lag = LagReader(own_kafka.bootstrap, [topic], "lag-test")

    async def answers() -> bool:
        return len(await lag.read()) == 3

    try:
        await until(answers, what="lag is known")
        own_kafka.process.freeze()
        async with asyncio.timeout(10):
            with pytest.raises(OSError, match="Kafka does not answer"):
                await lag.read()
        own_kafka.process.thaw()
        await until(answers, what="lag is known again")
    finally:
        await lag.close()


async def test_a_topic_that_is_not_there(kafka_broker: RunningKafka) -> None:
    lag = LagReader(kafka_broker.bootstrap, ["no.such.topic"], "lag-test")
    try:
        with pytest.raises(OSError, match="Kafka does not answer"):
            await lag.read()
    finally:
        await lag.close()
