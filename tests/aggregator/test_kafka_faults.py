"""Kafka killed, frozen or absent: nothing that was accepted is missing afterwards, and no caller has waited."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from services.aggregator import backlog, kafka
from services.aggregator.events import encode
from services.aggregator.kafka import ProducerLostError
from services.market.names import MINI_TICKERS
from tests.aggregator.conftest import Subscriber, running
from tests.aggregator.recording import Openings, ids, recording, tickers
from tests.aggregator.socket_peer import START_MS, SocketPeer, ticker, ticker_frame
from tests.aggregator.topic_reader import TopicReader, events_by_symbol
from tests.kafka_broker import RunningKafka, new_topic, start_kafka, stop_kafka
from tests.processes import free_port, service, until, until_ready


@pytest.fixture(scope="module")
def module_kafka() -> Iterator[RunningKafka]:
    started = start_kafka()
    yield started
    stop_kafka(started)


@pytest.fixture
async def broker(module_kafka: RunningKafka) -> AsyncIterator[RunningKafka]:
    """A broker to kill and freeze; it is repaired for the next test."""
    yield module_kafka
    module_kafka.process.thaw()
    if module_kafka.process.popen is None or module_kafka.process.popen.poll() is not None:
        await module_kafka.start_again()


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is repeated is repeated soon."""
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_S", 1.0)
    monkeypatch.setattr(kafka, "CONNECT_TIMEOUT_S", 2.0)


@pytest.fixture
def impatient(restless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a producer is given up soon, which repeats what a slow broker had taken."""
    monkeypatch.setattr(kafka, "SEND_TIMEOUT_S", 2.0)


async def test_a_broker_killed_under_traffic_misses_nothing(broker: RunningKafka, impatient: None) -> None:
    topic = await new_topic(broker.bootstrap)
    async with recording(Openings(broker.bootstrap, topic)) as (recorder, feeder):

        async def traffic() -> None:
            while True:
                feeder.feed(100)
                await asyncio.sleep(0.02)

        async with TopicReader(broker.bootstrap, topic) as reader:
            feeding = asyncio.create_task(traffic())
            await until(lambda: recorder.state().produced > 2_000)
            broker.process.kill()
            await until(lambda: not recorder.state().connected, what="the loss is noticed")
            fed = len(feeder.fed)
            await until(lambda: len(feeder.fed) > fed + 2_000, what="the traffic goes on")
            await broker.start_again()
            produced = recorder.state().produced
            await until(lambda: recorder.state().produced > produced, what="delivery goes on")
            feeding.cancel()
            await until(lambda: not recorder.waiting)
            await reader.until_ids(ids(feeder.fed))
    assert set(reader.ids) == set(ids(feeder.fed))
    assert events_by_symbol(reader.messages) == events_by_symbol({"s": t.symbol, "E": t.event_ms} for t in feeder.fed)
    assert recorder.state().lost == 0


async def test_a_broker_frozen_for_less_than_the_deadline_gets_everything_once(
    broker: RunningKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests time out and are repeated under their sequence numbers: the broker knows them again."""
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_S", 0.5)
    topic = await new_topic(broker.bootstrap)
    opener = Openings(broker.bootstrap, topic)
    async with recording(opener) as (recorder, feeder), TopicReader(broker.bootstrap, topic) as reader:
        feeder.feed(700)
        await until(lambda: not recorder.waiting)
        broker.process.freeze()
        feeder.feed(3_000)
        accumulator = opener.producers[0]._client._message_accumulator
        await until(lambda: any(batch.retry_count > 1 for batch in accumulator._pending_batches))
        broker.process.thaw()
        await until(lambda: not recorder.waiting)
        await reader.until_ids(ids(feeder.fed))
    assert sorted(reader.ids) == sorted(ids(feeder.fed))


async def test_a_kafka_that_comes_late_gets_everything(broker: RunningKafka, restless: None) -> None:
    topic = await new_topic(broker.bootstrap)
    async with TopicReader(broker.bootstrap, topic) as reader:
        broker.process.kill()
        async with recording(Openings(broker.bootstrap, topic)) as (recorder, feeder):
            feeder.feed(20_000)
            assert (recorder.state().connected, recorder.waiting) == (False, 20_000)
            await broker.start_again()
            feeder.feed(10)
            await until(lambda: not recorder.waiting)
        await reader.until_ids(ids(feeder.fed))
    assert sorted(reader.ids) == sorted(ids(feeder.fed))


async def test_at_the_bound_the_oldest_are_lost_and_the_newest_arrive(
    broker: RunningKafka, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "UNPACKED_EVENTS", 1_000)
    topic = await new_topic(broker.bootstrap)
    opener = Openings(broker.bootstrap, topic)
    async with (
        recording(opener, max_bytes=1_000_000) as (recorder, feeder),
        TopicReader(broker.bootstrap, topic) as reader,
    ):
        await until(lambda: recorder.state().connected)
        broker.process.freeze()
        while not recorder.state().lost:
            feeder.feed(1_000)
            assert recorder.state().waiting_bytes <= 1_000_000
            await asyncio.sleep(0)
        feeder.feed(5_000)
        waiting, lost = recorder.waiting, recorder.state().lost
        assert waiting + lost == len(feeder.fed)
        broker.process.thaw()
        await until(lambda: not recorder.waiting)
        await reader.until_ids(ids(feeder.fed[-5_000:]))
    assert len(set(reader.ids)) == waiting
    assert recorder.state().lost == lost
    assert set(ids(feeder.fed[-5_000:])) <= set(reader.ids), "the newest are kept"


async def test_a_producer_that_is_left_leaves_nothing_running(broker: RunningKafka, impatient: None) -> None:
    topic = await new_topic(broker.bootstrap)
    before = asyncio.all_tasks()
    opener = Openings(broker.bootstrap, topic)
    async with opener() as producer:
        broker.process.freeze()
        with pytest.raises(ProducerLostError) as lost:
            await producer.send(encode(tickers(0, 700), "binance", START_MS))
        assert (lost.value.reason, len(lost.value.unsent)) == ("TimeoutError", 700)
        with pytest.raises(TimeoutError):  # the failure that leaving it differently prevents
            async with asyncio.timeout(1):
                await producer._client._message_accumulator.flush()
    await until(lambda: not asyncio.all_tasks() - before, what="no task of the client is left")


async def test_a_cancelled_producer_is_closed_all_the_same(broker: RunningKafka) -> None:
    topic = await new_topic(broker.bootstrap)
    before = asyncio.all_tasks()
    opener = Openings(broker.bootstrap, topic)
    async with recording(opener) as (recorder, _):
        await until(lambda: recorder.state().connected)
        recorder.stop()
        while not opener.producers[0]._client._closed:  # noqa: ASYNC110 - the very next turn counts
            await asyncio.sleep(0)
    assert not asyncio.all_tasks() - before


async def test_live_prices_go_on_while_kafka_is_frozen(broker: RunningKafka, redis_url: str) -> None:
    async with (
        SocketPeer() as peer,
        running(peer, redis_url, broker.bootstrap) as aggregator,
        TopicReader(broker.bootstrap, MINI_TICKERS) as reader,
        Subscriber(aggregator.redis) as subscriber,
    ):
        await aggregator.until_streaming()
        broker.process.freeze()
        wanted: list[str] = []
        for second in range(4):
            at_ms = START_MS + second * 1_000
            entries = [ticker(f"sym{number}usdt", str(second + 1), at_ms) for number in range(50)]
            peer.emit_tickers(ticker_frame(*entries))
            wanted += [f"{entry['s']}:{at_ms}" for entry in entries]
            heard = await subscriber.until_heard(50 * (second + 1))
        assert sorted(json.loads(message)["t"] for _, message in heard) == sorted(int(i.split(":")[1]) for i in wanted)
        assert "redis" not in await aggregator.life.health.problems()
        events = (await aggregator.http.get("/coins")).json()["events"]
        assert (events["waiting"], events["produced"], events["lost"]) == (200, 0, 0)
        assert events["oldest_age_s"] > 0
        broker.process.thaw()
        await reader.until_ids(wanted)


async def test_sigterm_delivers_what_was_accepted(broker: RunningKafka, redis_url: str) -> None:
    http_port, ops_port = free_port(), free_port()
    async with SocketPeer() as peer, TopicReader(broker.bootstrap, MINI_TICKERS) as reader:
        env = {"HTTP_PORT": str(http_port), "OPS_PORT": str(ops_port), "REDIS_URL": redis_url}
        kafka_env = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "SOCKET_TARGET": peer.target}
        process = service("aggregator", env | kafka_env).start()
        try:
            await until(lambda: peer.ticker_streams, what="the ticker stream is open")
            entries = [ticker(f"sym{number}usdt", "1") for number in range(5_000)]
            peer.emit_tickers(ticker_frame(*entries))
            await until_ready(process, ops_port)
        finally:
            code = await asyncio.to_thread(process.stop, signal.SIGTERM)
        assert code == 0, process.output()
        await reader.until_ids(f"{entry['s']}:{entry['E']}" for entry in entries)
    assert len(reader.ids) == 5_000
    assert "events.lost" not in process.output()


async def test_without_kafka_the_service_is_ready_and_stops_in_peace(redis_url: str) -> None:
    http_port, ops_port = free_port(), free_port()
    async with SocketPeer() as peer:
        env: dict[str, Any] = {"HTTP_PORT": str(http_port), "OPS_PORT": str(ops_port), "REDIS_URL": redis_url}
        kafka_env = {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "KAFKA_DRAIN_TIMEOUT_S": "0.5"}
        process = service("aggregator", env | kafka_env | {"SOCKET_TARGET": peer.target}).start()
        try:
            await until(lambda: peer.ticker_streams, what="the ticker stream is open")
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "1")))
            await until_ready(process, ops_port)
            await until(lambda: process.output().count("kafka.awaited") >= 2)
        finally:
            code = await asyncio.to_thread(process.stop, signal.SIGTERM)
    output = process.output()
    assert code == 0, output
    for kind in ("mini_tickers", "agg_trades"):
        lines = [line for line in output.splitlines() if "kafka.awaited" in line and kind in line]
        assert len(lines) == 1, "an outage is logged once for each kind"
    assert "kafka.lost" not in output, "what was never there is not lost"
    assert "events.lost" in output
    assert "events=2" in output
    assert "Traceback" not in output
    assert "Unable connect" not in output
