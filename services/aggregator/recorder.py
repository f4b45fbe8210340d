"""From intake to Kafka: each accepted event of a kind is kept until Kafka has confirmed it, within the backlog's bound.

The live path only ever calls `take`, which neither waits nor fails. Everything else happens in `run`, in steps of a
millisecond or so, between which the loop is left to others for as long as each step took.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Generic, NamedTuple

from services.aggregator import metrics
from services.aggregator.backlog import Backlog, Chunk
from services.aggregator.deliveries import Deliveries
from services.aggregator.events import E, Message
from services.aggregator.intake import wall_clock_ms
from services.aggregator.kafka import Producer, ProducerLostError
from services.common.backoff import Backoff

RECONNECT_CAP_S = 5.0
ROUND_EVENTS = 2_000
"""How many are encoded and sent at once."""
STEP_EVENTS = 500
"""How many are encoded in one step."""


class RecorderState(NamedTuple):
    """The state of the recorder, as `GET /coins` shows it."""

    connected: bool
    waiting: int
    waiting_bytes: int
    oldest_age_s: float | None
    produced: int
    lost: int


class Recorder(Generic[E]):
    """`take` is the intake's sink; `run` delivers. `open_producer` opens a producer and raises ProducerLostError."""

    def __init__(self, backlog: Backlog[E], open_producer: Callable[[], AbstractAsyncContextManager[Producer]]) -> None:
        self._backlog = backlog
        self._kind = backlog.kind
        self._open_producer = open_producer
        self._in_flight: list[Message] = []
        self._in_flight_count = 0
        self._in_flight_since_ms: int | None = None
        self._in_flight_mark: object = None
        self.confirmed: object = None
        """The last mark up to which Kafka has everything that was not dropped."""
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        name = self._kind.name
        self._deliveries = Deliveries(name)
        metrics.EVENTS_WAITING.labels(name).set_function(lambda: self.waiting)
        metrics.EVENTS_WAITING_BYTES.labels(name).set_function(lambda: backlog.size_bytes)
        metrics.EVENTS_OLDEST_AGE.labels(name).set_function(lambda: self.state().oldest_age_s or 0)

    @property
    def waiting(self) -> int:
        """Accepted events that Kafka has not confirmed."""
        return self._backlog.count + self._in_flight_count

    def state(self) -> RecorderState:
        oldest_ms = self._in_flight_since_ms if self._in_flight_count else self._backlog.oldest_ms
        age_s = None if oldest_ms is None else (wall_clock_ms() - oldest_ms) / 1000
        done = self._deliveries
        return RecorderState(done.connected, self.waiting, self._backlog.size_bytes, age_s, done.produced, done.lost)

    def take(self, events: Sequence[E], source: str, receive_ms: int) -> None:
        """Keep what has been accepted. Costs a tenth of a microsecond an event, half of one during an outage."""
        shed = self._backlog.add(events, source, receive_ms)
        if shed:
            self._deliveries.overflow(shed, self._backlog.max_bytes, self.waiting)
        self._wake.set()

    def mark(self, mark: object) -> None:
        """Name the newest event that has been taken: `confirmed` once Kafka has it and all before it."""
        if self._backlog.mark(mark):
            return
        self._in_flight_mark = mark
        if not self._in_flight_count:
            self.confirmed = mark

    async def run(self) -> None:
        """Deliver until `stop`, and then until nothing waits."""
        backoff = Backoff(base_s=0.2, cap_s=RECONNECT_CAP_S)
        while True:
            await self._pause(backoff.next_delay_s())
            if self._stopping.is_set() and not self.waiting:
                return
            try:
                async with self._open_producer() as producer:
                    self._deliveries.open_producer()
                    await self._deliver(producer, backoff)
            except ProducerLostError as error:
                self._deliveries.lose_producer(error.reason, self.waiting)

    def stop(self) -> None:
        """Let `run` deliver what waits, at full speed, and end."""
        self._stopping.set()
        self._wake.set()

    def give_up(self) -> None:
        """What waits now is lost: count it."""
        if self.waiting:
            self._deliveries.give_up(self.waiting)

    async def _deliver(self, producer: Producer, backoff: Backoff) -> None:
        while await self._has_work():
            if not self._in_flight:
                await self._gather()
                await self._encode(self._backlog.take(ROUND_EVENTS))
            began_s = perf_counter()
            try:
                unsent = await producer.send(self._in_flight)
            except ProducerLostError as error:
                self._acknowledge(error.unsent)
                raise
            duration_s = perf_counter() - began_s
            self._acknowledge(unsent)
            backoff.reset()
            self._deliveries.finish_round(duration_s, self.waiting)

    async def _gather(self) -> None:
        """Let few events wait for more, unless they go for a stop: a round costs as much for ten as for a hundred."""
        if self._kind.linger_s and self.waiting < ROUND_EVENTS and not self._stopping.is_set():
            await self._stopped_within(self._kind.linger_s)

    async def _has_work(self) -> bool:
        """Wait for something to deliver; False when there is nothing and will be nothing."""
        while not self.waiting:
            if self._stopping.is_set():
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _encode(self, chunks: list[Chunk[E]]) -> None:
        self._in_flight_count = sum(chunk.count for chunk in chunks)
        self._in_flight_since_ms = chunks[0].receive_ms
        self._in_flight_mark = next((chunk.mark for chunk in reversed(chunks) if chunk.mark), self._in_flight_mark)
        for chunk in chunks:
            events = chunk.events
            for first in range(0, len(events), STEP_EVENTS):
                began_s = perf_counter()
                part = events[first : first + STEP_EVENTS]
                self._in_flight += self._kind.encode(part, chunk.source, chunk.receive_ms)
                await asyncio.sleep(0 if self._stopping.is_set() else perf_counter() - began_s)

    def _acknowledge(self, unsent: list[Message]) -> None:
        """All in flight are confirmed, but for `unsent`."""
        confirmed = len(self._in_flight) - len(unsent)
        self._in_flight, self._in_flight_count = unsent, len(unsent)
        if not unsent and self._in_flight_mark is not None:
            self.confirmed = self._in_flight_mark
        self._deliveries.confirm(confirmed, self.waiting)

    async def _pause(self, delay_s: float) -> None:
        """Between two producers; a stop shortens it once, for a last attempt that is worth making at once."""
        if self._stopping.is_set():
            await asyncio.sleep(min(delay_s, 0.5))
            return
        await self._stopped_within(delay_s)

    async def _stopped_within(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return
