"""What reaches a real topic, read by an independent consumer."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.producer.transaction_manager import PidAndEpoch
from prometheus_client import REGISTRY

from services.aggregator import kafka
from services.aggregator import recorder as recorder_module
from services.aggregator.backlog import Backlog
from services.aggregator.events import TICKER_EVENTS, encode, partition_of
from services.aggregator.kafka import Producer, ProducerLostError
from services.aggregator.recorder import Recorder
from tests.aggregator import recording as recording_module
from tests.aggregator.recording import Openings, ids, recording, tickers
from tests.aggregator.socket_peer import START_MS
from tests.aggregator.topic_reader import TopicReader, events_by_symbol
from tests.kafka_broker import RunningKafka, new_topic
from tests.processes import free_port, until

Sabotage = Callable[[Producer], Any]


@pytest.fixture
async def topic(kafka_broker: RunningKafka) -> str:
    return await new_topic(kafka_broker.bootstrap)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_every_ticker_arrives_once_in_order_where_its_key_belongs(kafka_broker: RunningKafka, topic: str) -> None:
    opener = Openings(kafka_broker.bootstrap, topic)
    produced = metric("aggregator_events_produced_total", kind="mini_tickers")
    async with TopicReader(kafka_broker.bootstrap, topic) as reader, recording(opener) as (recorder, feeder):
        for number in (1, 3_000, 0, 5_000, 12_000):
            feeder.feed(number)
        await reader.until_ids(ids(feeder.fed))
        await until(lambda: not recorder.waiting)
    assert sorted(reader.ids) == sorted(ids(feeder.fed)), "once each"
    assert events_by_symbol(reader.messages) == events_by_symbol({"s": t.symbol, "E": t.event_ms} for t in feeder.fed)
    for record, message in zip(reader.records, reader.messages, strict=True):
        assert record.key == message["s"].encode()
        assert record.partition == partition_of(record.key, 3)
        assert record.timestamp == message["receive_time"] > START_MS
        assert not record.headers
    assert {record.partition for record in reader.records} == {0, 1, 2}
    assert metric("aggregator_events_produced_total", kind="mini_tickers") == produced + len(feeder.fed)
    state = recorder.state()
    assert (state.produced, state.lost, state.waiting, state.waiting_bytes) == (len(feeder.fed), 0, 0, 0)
    assert state.oldest_age_s is None


async def test_more_than_a_batch_holds_goes_in_several(
    kafka_broker: RunningKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "MAX_BATCH_BYTES", 2_000)
    async with (
        TopicReader(kafka_broker.bootstrap, topic) as reader,
        recording(Openings(kafka_broker.bootstrap, topic)) as (_, feeder),
    ):
        feeder.feed(100)
        await reader.until_ids(ids(feeder.fed))
    assert len(reader.ids) == 100


def break_sequence(producer: Producer) -> None:
    for number in range(3):
        producer._client._txn_manager._sequence_numbers[TopicPartition(producer._topic, number)] = 77


def fence(producer: Producer) -> None:
    """As if another producer had taken the identity over with a newer epoch, and this one learned of it only now."""
    manager = producer._client._txn_manager
    pid, epoch = manager._pid_and_epoch
    manager._pid_and_epoch = PidAndEpoch(pid, epoch - 1)


async def close(producer: Producer) -> None:
    await producer._client.stop()


def break_sender(producer: Producer) -> None:
    producer._client._sender.sender_task.cancel()


def hide_topic(producer: Producer) -> None:
    async def unknown(topic: str) -> set[int]:
        raise UnknownTopicOrPartitionError(topic)

    producer._client.partitions_for = unknown


@pytest.mark.parametrize(
    ("sabotage", "reason"),
    [
        (hide_topic, "UnknownTopicOrPartitionError"),
        (break_sequence, "OutOfOrderSequenceNumber"),
        (fence, "ProducerFenced"),
        (close, "ProducerClosed"),
        (break_sender, "TimeoutError"),
    ],
)
async def test_a_lost_producer_is_replaced_and_nothing_with_it(
    kafka_broker: RunningKafka, topic: str, monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, reason: str
) -> None:
    opener = Openings(kafka_broker.bootstrap, topic)
    ends = metric("aggregator_kafka_producer_ends_total", kind="mini_tickers", reason=reason)
    async with TopicReader(kafka_broker.bootstrap, topic) as reader, recording(opener) as (recorder, feeder):
        if sabotage is fence:
            await until(lambda: opener.producers)
            manager = opener.producers[0]._client._txn_manager
            manager._pid_and_epoch = PidAndEpoch(manager.producer_id, 1)
        feeder.feed(1_000)
        await until(lambda: recorder.state().produced == 1_000)
        with monkeypatch.context() as impatience:
            if sabotage is break_sender:  # only the time that it takes shows it
                impatience.setattr(kafka, "SEND_TIMEOUT_S", 2.0)
            done = sabotage(opener.producers[0])
            if done is not None:
                await done
            feeder.feed(1_000)
            await until(lambda: len(opener.producers) == 2, what="another producer")
        await reader.until_ids(ids(feeder.fed))
        await until(lambda: not recorder.waiting)
        assert len(opener.producers) == 2
    assert sorted(reader.ids) == sorted(ids(feeder.fed))
    assert events_by_symbol(reader.messages) == events_by_symbol({"s": t.symbol, "E": t.event_ms} for t in feeder.fed)
    assert metric("aggregator_kafka_producer_ends_total", kind="mini_tickers", reason=reason) == ends + 1


async def test_confirmed_partitions_are_not_sent_again_with_a_failed_one(
    kafka_broker: RunningKafka, topic: str
) -> None:
    opener = Openings(kafka_broker.bootstrap, topic)
    async with opener() as producer:
        messages = encode(tickers(0, 700), "binance", START_MS)
        assert await producer.send(messages) == []
        producer._client._txn_manager._sequence_numbers[TopicPartition(topic, 1)] = 7_777
        with pytest.raises(ProducerLostError) as lost:
            await producer.send(messages)
    assert lost.value.unsent == [message for message in messages if partition_of(message.key, 3) == 1]


async def test_a_topic_that_is_not_there_is_waited_for(
    kafka_broker: RunningKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_S", 0.2)
    missing = {"kind": "mini_tickers", "reason": "UnknownTopicOrPartitionError"}
    before = metric("aggregator_kafka_producer_ends_total", **missing)
    async with recording(Openings(kafka_broker.bootstrap, "test.never.created")) as (recorder, feeder):
        feeder.feed(1)
        await until(lambda: metric("aggregator_kafka_producer_ends_total", **missing) > before + 1)
        assert (recorder.waiting, recorder.state().connected) == (1, False)


async def test_a_stop_delivers_what_waits(kafka_broker: RunningKafka, topic: str) -> None:
    async with TopicReader(kafka_broker.bootstrap, topic) as reader:
        opener = Openings(kafka_broker.bootstrap, topic)
        async with recording(opener) as (recorder, feeder):
            feeder.feed(20_000)
            recorder.stop()
            await until(lambda: not recorder.waiting)
        await reader.until_ids(ids(feeder.fed))
    lost = metric("aggregator_events_lost_total", kind="mini_tickers", reason="shutdown")
    recorder.give_up()
    assert metric("aggregator_events_lost_total", kind="mini_tickers", reason="shutdown") == lost, "nothing waited"


async def test_a_stop_without_kafka_counts_what_is_lost() -> None:
    lost = metric("aggregator_events_lost_total", kind="mini_tickers", reason="shutdown")
    async with recording(Openings(f"127.0.0.1:{free_port()}", "any")) as (recorder, feeder):
        feeder.feed(3_000)
        recorder.stop()
    recorder.give_up()
    assert recorder.state().lost == 3_000
    assert metric("aggregator_events_lost_total", kind="mini_tickers", reason="shutdown") == lost + 3_000


async def test_others_get_their_turn_between_two_steps(
    kafka_broker: RunningKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a backlog of minutes would stop the one-second tick for seconds."""
    happened: list[str] = []

    def noted(*given: Any) -> Any:
        happened.append("step")
        return encode(*given)

    async def others() -> None:
        while True:
            happened.append("others")
            await asyncio.sleep(0)

    monkeypatch.setattr(recording_module, "TICKER_EVENTS", replace(TICKER_EVENTS, encode=noted))
    other = asyncio.create_task(others())
    async with recording(Openings(kafka_broker.bootstrap, topic)) as (recorder, feeder):
        feeder.feed(20_000)
        await until(lambda: not recorder.waiting)
    other.cancel()
    assert happened.count("step") == 20_000 / recorder_module.STEP_EVENTS
    assert all(pair != ("step", "step") for pair in pairwise(happened))


async def test_others_get_as_much_time_as_each_step_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that much is sure: the machine may be slower."""
    step_s, steps = 0.03, 4
    readings = itertools.count(0.0, step_s)
    monkeypatch.setattr(recorder_module, "perf_counter", lambda: next(readings))
    backlog = Backlog(TICKER_EVENTS, 10**9)
    recorder = Recorder(backlog, Openings("127.0.0.1:9", "any"))
    backlog.add(tickers(0, steps * recorder_module.STEP_EVENTS), "binance", START_MS)
    began_s = time.monotonic()
    await recorder._encode(backlog.take(recorder_module.ROUND_EVENTS))
    assert time.monotonic() - began_s > 0.9 * steps * step_s
