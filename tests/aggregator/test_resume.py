"""Where the mini-tickers go on, and what is known of those that are lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from services.aggregator import resume as resume_module
from services.aggregator.backlog import CHUNK_EVENTS, Backlog
from services.aggregator.errors import StoreUnavailableError
from services.aggregator.events import TICKER_EVENTS, TRADE_EVENTS, Message
from services.aggregator.intake import wall_clock_ms
from services.aggregator.kafka import Producer
from services.aggregator.recorder import Recorder
from services.aggregator.resume import MAX_BREAKS, Frame, Resume
from services.market.names import MINI_TICKERS
from services.market.resume import Break, ResumeState, decode_resume_state, encode_resume_state
from tests.aggregator.chain import Chain, running_chain
from tests.aggregator.recording import Openings, recording, tickers
from tests.aggregator.topic_reader import TopicReader
from tests.kafka_broker import RunningKafka, new_topic
from tests.processes import until


@dataclass
class Memory:
    """Redis, as far as it counts here."""

    state: ResumeState = field(default_factory=ResumeState)
    is_away: bool = False
    writes: list[ResumeState] = field(default_factory=list)

    async def resume_state(self) -> ResumeState:
        if self.is_away:
            raise StoreUnavailableError
        return self.state

    async def write_resume_state(self, state: ResumeState) -> None:
        if self.is_away:
            raise StoreUnavailableError
        self.state = state
        self.writes.append(state)


def resuming(memory: Memory, confirmed: Frame | None = None) -> Resume:
    return Resume(memory, lambda: confirmed)


async def test_the_next_process_goes_on_after_what_was_confirmed() -> None:
    memory = Memory()
    first = resuming(memory, Frame("ring", 41, 1_000))
    assert first.after is None
    await first.write()
    await first.write()
    assert len(memory.writes) == 1, "what has not changed is not written again"
    second = resuming(memory)
    await second.load()
    assert second.after == "ring:41"


async def test_frames_are_counted_from_the_position_on() -> None:
    resume = resuming(Memory())
    resume.begin()
    resume.opened("ring:7", 1_000)
    assert resume.took([b"a", b"b"], 2_000) == Frame("ring", 8, 2_000)
    assert resume.took([b"c"], 3_000) == Frame("ring", 9, 3_000)
    assert resume.after == "ring:9"
    resume.begin()
    resume.opened("ring:10", 4_000)
    assert resume.breaks == []


async def test_what_a_longer_break_has_lost_is_known_by_number() -> None:
    memory = Memory(ResumeState("ring", 9, 5_000))
    resume = resuming(memory)
    await resume.load()
    resume.begin()
    resume.opened("ring:14", 60_000)
    assert resume.breaks == [Break(5_000, 60_000, 4, "too_long")]


async def test_what_another_socket_has_lost_is_known_by_time() -> None:
    memory = Memory(ResumeState("ring", 9, 5_000, (Break(1, 2, 3, "too_long"),)))
    resume = resuming(memory, Frame("other", 1, 61_000))
    await resume.load()
    resume.begin()
    resume.opened("other:0", 60_000)
    lost = Break(5_000, 60_000, None, "socket_restarted")
    assert resume.breaks == [Break(1, 2, 3, "too_long"), lost]
    await resume.write()
    assert memory.state.breaks[-1] == lost


async def test_a_twin_that_numbers_nothing_is_not_counted() -> None:
    resume = resuming(Memory(ResumeState("ring", 9, 5_000)))
    await resume.load()
    resume.begin()
    resume.opened(None, 6_000)
    assert resume.took([b"a"], 7_000) is None
    assert resume.after == "ring:9"


async def test_after_a_numbered_stream_the_frames_of_a_twin_are_not_counted() -> None:
    resume = resuming(Memory())
    resume.begin()
    resume.opened("ring:7", 1_000)
    assert resume.took([b"a"], 2_000) == Frame("ring", 7, 2_000)
    resume.begin()
    resume.opened(None, 3_000)
    assert resume.took([b"b"], 4_000) is None
    assert resume.after == "ring:7"


async def test_the_breaks_that_are_kept_are_bounded() -> None:
    resume = resuming(Memory())
    for number in range(MAX_BREAKS + 5):
        resume.begin()
        resume.opened(f"ring{number}:0", number)
    assert len(resume.breaks) == MAX_BREAKS
    assert resume.breaks[-1].to_ms == MAX_BREAKS + 4


async def test_redis_that_is_away_stops_nothing() -> None:
    memory = Memory(is_away=True)
    resume = resuming(memory, Frame("ring", 1, 2))
    await resume.write()
    memory.is_away = False
    await resume.write()
    assert memory.state == ResumeState("ring", 1, 2)


async def test_what_was_written_before_is_kept_where_redis_answers_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where to go on was not known when the stream was opened: what that has cost is known later."""
    monkeypatch.setattr(resume_module, "WRITE_INTERVAL_S", 0.0)
    earlier = Break(1, 2, 3, "too_long")
    memory = Memory(ResumeState("ring", 9, 5_000, (earlier,)), is_away=True)
    resume = resuming(memory, Frame("ring", 15, 61_000))
    await resume.load()
    resume.begin()
    assert resume.after is None
    resume.opened("ring:14", 60_000)
    await resume.write()
    memory.is_away = False
    await resume.write()
    assert memory.state == ResumeState("ring", 15, 61_000, (earlier, Break(5_000, 60_000, 4, "store_away")))


def test_the_state_survives_its_text_and_nonsense_is_none() -> None:
    state = ResumeState("ring", 7, 8, (Break(1, 2, None, "socket_restarted"),))
    assert decode_resume_state(encode_resume_state(state)) == state
    for value in (b"", b"{", b'{"ring":5}', b"[" * 100_000):
        assert decode_resume_state(value) == ResumeState()


async def test_a_mark_is_confirmed_when_kafka_has_all_before_it(kafka_broker: RunningKafka) -> None:
    topic = await new_topic(kafka_broker.bootstrap)
    async with recording(Openings(kafka_broker.bootstrap, topic)) as (recorder, feeder):
        recorder.mark(0)
        assert recorder.confirmed == 0, "nothing waits before it"
        for number in range(1, 4):
            feeder.feed(3_000)
            recorder.mark(number)
            assert recorder.confirmed != number
        await until(lambda: recorder.confirmed == number)
        assert recorder.waiting == 0


class Held:
    """A producer whose rounds end when the test decides, with what it names as not sent."""

    def __init__(self) -> None:
        self.rounds: asyncio.Queue[tuple[list[Message], asyncio.Future[int]]] = asyncio.Queue()

    async def send(self, messages: Sequence[Message]) -> list[Message]:
        sent = asyncio.get_running_loop().create_future()
        await self.rounds.put((list(messages), sent))
        return list(messages)[await sent :]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Producer]:
        yield cast("Producer", self)

    async def round(self) -> tuple[list[Message], asyncio.Future[int]]:
        """The next round: its messages, and where how many of them are sent is set."""
        async with asyncio.timeout(20):
            return await self.rounds.get()


async def test_a_mark_is_not_confirmed_while_something_before_it_is_on_its_way_or_unsent() -> None:
    producer = Held()
    recorder = Recorder(Backlog(TICKER_EVENTS, 10**9), producer.open)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recorder.run())
        recorder.take(tickers(0, 10), "binance", 1_000)
        recorder.mark("one")
        messages, sent = await producer.round()
        assert len(messages) == 10
        recorder.mark("two")  # as of a frame of which nothing was accepted
        assert recorder.confirmed is None
        sent.set_result(6)
        messages, sent = await producer.round()
        assert len(messages) == 4
        assert recorder.confirmed is None
        sent.set_result(4)
        await until(lambda: not recorder.waiting)
        assert recorder.confirmed == "two"
        recorder.stop()


def test_a_mark_survives_packing() -> None:
    """Of events that may wait together, which are packed when no more can join: after they have been marked."""
    backlog = Backlog(TRADE_EVENTS, 10**9)
    for number in range(10):
        backlog.add([Message(b"BTCUSDT", b"{}", 1_000)] * CHUNK_EVENTS, "binance", 1_000)
        assert backlog.mark(number + 1)
    chunks = backlog.take(10 * CHUNK_EVENTS)
    assert [chunk.mark for chunk in chunks] == list(range(1, 11))
    assert sum(isinstance(chunk.content, bytes) for chunk in chunks) > 1


async def state_in(chain: Chain) -> ResumeState:
    return decode_resume_state(cast("bytes | None", await chain.redis.get("market:resume")) or b"")


async def sent_tickers(chain: Chain, since_ms: int) -> dict[str, Any]:
    """Every mini-ticker that the exchange has sent since, by its message id."""
    answer = await chain.client.get(f"{chain.rest_url}/control/journal", params={"kind": "miniTicker"}, timeout=60)
    records = [json.loads(line) for line in answer.text.splitlines()]
    sent = [record["data"] for record in records if record["receivers"] and record["data"]["E"] > since_ms]
    return {f"{data['s']}:{data['E']}": data for data in sent}


async def test_a_killed_aggregator_misses_no_mini_ticker(redis_url: str, kafka_broker: RunningKafka) -> None:
    async with (
        running_chain(redis_url, kafka_broker.bootstrap, RATE=30) as chain,
        TopicReader(kafka_broker.bootstrap, MINI_TICKERS) as reader,
    ):

        async def confirmed() -> bool:
            return bool((await state_in(chain)).ring)

        await until(confirmed, what="a frame is confirmed")
        since_ms = wall_clock_ms()
        for _ in range(2):
            before = len(await sent_tickers(chain, since_ms))
            chain.processes["aggregator"].kill()

            async def goes_on(more_than: int = before + 40) -> bool:
                return len(await sent_tickers(chain, since_ms)) > more_than

            await until(goes_on, 60, "the exchange goes on")
            chain.processes["aggregator"].start()
            await reader.until_ids((await sent_tickers(chain, since_ms)).keys() - set(reader.ids))
        await chain.control("pause")
        sent = await sent_tickers(chain, since_ms)
        await reader.until_ids(sent.keys() - set(reader.ids))
        state = await state_in(chain)
    assert state.breaks == ()


async def test_an_aggregator_that_is_killed_while_kafka_stands_still_misses_no_mini_ticker(
    redis_url: str, own_kafka: RunningKafka
) -> None:
    """What it had received, and Kafka had not confirmed, is asked for again."""
    async with (
        running_chain(redis_url, own_kafka.bootstrap, RATE=30) as chain,
        TopicReader(own_kafka.bootstrap, MINI_TICKERS) as reader,
    ):

        async def confirmed() -> bool:
            return bool((await state_in(chain)).ring)

        async def waiting() -> bool:
            return await chain.metric("aggregator_events_waiting", kind="mini_tickers") > 40

        await until(confirmed, what="a frame is confirmed")
        since_ms = wall_clock_ms()
        own_kafka.process.freeze()
        await until(waiting, what="events wait for Kafka")
        before = len(await sent_tickers(chain, since_ms))

        async def goes_on() -> bool:
            return len(await sent_tickers(chain, since_ms)) > before + 40

        await until(goes_on, 60, "the exchange goes on")
        chain.processes["aggregator"].kill()
        own_kafka.process.thaw()
        chain.processes["aggregator"].start()
        await chain.control("pause")
        sent = await sent_tickers(chain, since_ms)
        await reader.until_ids(sent.keys() - set(reader.ids))
        state = await state_in(chain)
    assert state.breaks == ()


async def test_a_killed_socket_leaves_a_break_that_is_named(redis_url: str, kafka_broker: RunningKafka) -> None:
    async with running_chain(redis_url, kafka_broker.bootstrap, RATE=30) as chain:

        async def confirmed() -> bool:
            return bool((await state_in(chain)).ring)

        await until(confirmed, what="a frame is confirmed")
        chain.processes["socket"].kill()
        chain.processes["socket"].start()

        async def named() -> bool:
            return [found.reason for found in (await state_in(chain)).breaks] == ["socket_restarted"]

        await until(named, 60, "the break is named")
