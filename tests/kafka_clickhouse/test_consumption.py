"""The service between a real Kafka and a real ClickHouse, undisturbed."""

import asyncio
from decimal import Decimal
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.kafka_clickhouse.consumption import Consumption
from tests.cancellations import ends_cancelled, lose_cancellation
from tests.kafka_clickhouse.pipeline import START_MS, TRADES, Kind, Pipeline, Tick, Trade
from tests.processes import until


async def committed(between: Pipeline) -> int:
    """The sum of what the group has committed."""
    reader = AIOKafkaConsumer(bootstrap_servers=between.bootstrap, group_id=between.topic, enable_auto_commit=False)
    await reader.start()
    try:
        offsets = [await reader.committed(TopicPartition(between.topic, partition)) for partition in range(3)]
        return sum(offset or 0 for offset in offsets)
    finally:
        await reader.stop()


async def test_every_message_becomes_a_row_and_is_committed(between: Pipeline) -> None:
    consumer = between.start()
    sent = between.kind.make(5_000)
    await between.send(sent)
    await between.until_stored(len(sent))
    await between.assert_exactly(sent)
    assert await between.rows(final=False) == await between.rows()
    await until(lambda: _is(committed(between), len(sent)), what="all to be committed")
    await until(lambda: _is(consumer.metric("kafka_clickhouse_lag_messages"), 0), what="the lag to be 0")
    assert await consumer.metric("kafka_clickhouse_rows_total") == len(sent)
    assert await consumer.metric("kafka_clickhouse_age_seconds_count") > 0


async def _is(value: object, wanted: float) -> bool:
    return bool(await value == wanted)  # type: ignore[misc]


async def test_the_age_of_a_partitions_newest_grows_while_nothing_is_stored(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    consumer = between.start()
    day_ms = 86_400_000
    for partition, event_ms in enumerate((START_MS, START_MS + day_ms)):
        tick = Tick("BTCUSDT", event_ms, Decimal(1))
        await between.producer.send_and_wait(between.topic, tick.value, partition=partition)

    async def ages() -> dict[str, float]:
        ages = await consumer.metrics("kafka_clickhouse_newest_age_seconds")
        return ages if len(ages) == 2 else {}

    first = await until(ages, what="both ages")
    ages_s = [first[f'{{partition="{number}",topic="{between.topic}"}}'] for number in range(2)]
    assert ages_s[0] - ages_s[1] == pytest.approx(86_400, abs=1)

    async def all_grow() -> bool:
        return all(age > first[partition] + 0.5 for partition, age in (await ages()).items())

    await until(all_grow, what="the ages to grow")


async def test_a_row_holds_what_the_message_held(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    between.start()
    await between.send([Tick("BTCUSDT", START_MS + 123, Decimal("68123.45"), "simulator")])
    await between.until_stored(1)
    columns = (
        "message_id, event_type, toUnixTimestamp64Milli(event_time), toUnixTimestamp64Milli(receive_time), symbol, "
        "close_price, open_price, high_price, low_price, change_price, change_percent, volume, quote_volume, source"
    )
    texts = ("68123.45", "67000", "68500", "66800.01", "1123.45", "1.67679104", "12345.678", "834567890.12")
    times = (START_MS + 123, START_MS + 210)
    assert await between.query(f"SELECT {columns} FROM market_tickers") == [
        (f"BTCUSDT:{START_MS + 123}", "24hrMiniTicker", *times, "BTCUSDT", *map(Decimal, texts), "simulator")
    ]


async def test_a_trade_is_in_its_row_with_all_its_figures(between: Pipeline, kind: Kind) -> None:
    if kind is not TRADES:
        pytest.skip("of trades alone")
    between.start()
    await between.send([Trade("BTCUSDT", 26_129, Decimal("68123.45"), "simulator")])
    await between.until_stored(1)
    columns = (
        "symbol, trade_id, price, quantity, first_id, last_id, toUnixTimestamp64Milli(event_time), "
        "toUnixTimestamp64Milli(trade_time), buyer_is_maker, toUnixTimestamp64Milli(receive_time), source, filled"
    )
    made_ms = START_MS + 7 * 26_129
    assert await between.query(f"SELECT {columns} FROM trades") == [
        (
            *("BTCUSDT", 26_129, Decimal("68123.45"), Decimal("0.0125"), 261_290, 261_294),
            *(made_ms + 3, made_ms, False, made_ms + 90, "simulator", False),
        )
    ]


async def test_backlog_goes_in_large_batches(between: Pipeline) -> None:
    sent = between.kind.make(45_000)
    sending = [
        await between.producer.send(between.topic, event.value, event.symbol.encode(), partition=number % 3)
        for number, event in enumerate(sent)
    ]
    await asyncio.gather(*sending)
    consumer = between.start(BATCH_ROWS="15000", BATCH_AGE_S="60")
    await between.until_stored(len(sent))
    await until(lambda: _is(consumer.metric("kafka_clickhouse_rows_total"), len(sent)), what="all to be confirmed")
    assert len(sent) / await consumer.metric("kafka_clickhouse_batches_total") >= 10_000


async def test_a_full_buffer_pauses_its_partition_and_nothing_is_lost(between: Pipeline) -> None:
    sent = between.kind.make(6_000)
    await between.send(sent)
    consumer = between.start(BATCH_ROWS="100")
    await between.until_stored(len(sent))
    await between.assert_exactly(sent)
    assert await consumer.metric("kafka_clickhouse_pauses_total") > 0


async def test_sigterm_stores_and_commits_what_has_been_read(between: Pipeline) -> None:
    consumer = between.start(BATCH_AGE_S="60")
    await consumer.ready()
    sent = between.kind.make(300)
    await between.send(sent)
    await until(
        lambda: _is(consumer.metric("kafka_clickhouse_buffered_messages"), len(sent)), what="the buffer to fill"
    )
    assert await between.count() == 0
    assert await asyncio.to_thread(consumer.process.stop) == 0
    await between.assert_exactly(sent)
    assert await committed(between) == len(sent)


async def test_a_consumer_beyond_the_number_of_partitions_stands_by_ready(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    consumers = [between.start() for _ in range(4)]
    await asyncio.gather(*(consumer.ready() for consumer in consumers))


async def test_messages_of_the_go_original_are_stored(ticker_pipeline: Pipeline) -> None:
    between = ticker_pipeline
    between.start()
    value = (
        b'{"message_id":"6f1c","e":"24hrMiniTicker","E":1767225600123,"receive_time":1767225600187,"s":"BTCUSDT",'
        b'"c":68123.45,"o":"67000","h":"68500","l":"66800.01","change_price":1123.45,"change_percent":1.6767910447,"x":{}}'
    )
    await between.send_raw([(b"BTCUSDT", value)])
    await between.until_stored(1)
    columns = "message_id, close_price, change_percent, volume, source"
    assert await between.query(f"SELECT {columns} FROM market_tickers") == [
        ("6f1c", Decimal("68123.45"), Decimal("1.6767910447"), 0, "binance")
    ]
    assert await between.query("SELECT volume_24h FROM candles_1m") == [(None,)]  # unknown


async def test_a_stop_is_heard_also_while_a_consumer_that_failed_is_cleaned_up() -> None:
    class Consumer:
        async def start(self) -> None:
            return

        stop = start

    class Failing(Consumption):
        def _new_consumer(self) -> Any:
            return Consumer()

        async def _read(self, consumer: Any, tasks: asyncio.TaskGroup) -> None:
            await lose_cancellation(KafkaError())

    consumption = Failing(cast("Any", None), [], cast("Any", None))
    assert await ends_cancelled(asyncio.create_task(consumption.run()))
