"""One partition's way from Kafka to ClickHouse: a bounded buffer, and a task that empties it batch by batch.

A batch goes when it is large enough, or its oldest message has waited long enough. It is committed after it is stored,
so that after any failure in between, its messages are read again. What Kafka deletes before that is counted as lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter

import structlog
from aiokafka import TopicPartition

from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.messages import Record

log = structlog.get_logger()

MAX_HELD_BYTES = 64 * 1024 * 1024

Begin = Callable[[], Awaitable[int | None]]
"""Gives the offset of the first message to read; None when that is unknown."""
Commit = Callable[[int], Awaitable[None]]
"""Takes the offset of the next message to read."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    rows: int
    age_s: float


@dataclass(slots=True)
class Lane:
    """`run` is its task. `on_room` is called when a full buffer has room again."""

    partition: TopicPartition
    intake: Intake
    limits: BatchLimits
    begin: Begin
    commit: Commit
    on_room: Callable[[], None]
    failure: str | None = None
    """Why it has stopped: most of its messages fail. It takes no more then."""
    stored_until: int | None = None
    """The offset after the last message that is stored, or set aside; None while that is not known."""
    _buffer: list[Record] = field(default_factory=list)
    _in_work: int = 0
    _held_bytes: int = 0
    """Of the buffer, and of the batch in work."""
    _oldest_s: float = 0.0
    _closing: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def labels(self) -> tuple[str, str]:
        """Of the metrics: topic and partition."""
        return self.partition.topic, str(self.partition.partition)

    @property
    def full(self) -> bool:
        """Whether no more should be read. What is offered all the same is taken."""
        if self.failure is not None:
            return True
        held = len(self._buffer) + self._in_work
        return held >= 2 * self.limits.rows or self._held_bytes >= MAX_HELD_BYTES

    def offer(self, records: Sequence[Record]) -> None:
        """Take what was read, in order."""
        if self.failure is not None or self._closing:
            return
        if not self._buffer:
            self._oldest_s = time.monotonic()
        self._buffer += records
        self._held_bytes += _size_bytes(records)
        self._gauge()
        self._changed.set()

    def close(self) -> None:
        """Take no more; `run` ends when the buffer is empty."""
        self._closing = True
        self._changed.set()

    async def run(self) -> None:
        """Empty the buffer until closed, or stopped by a failure. Cancelling it leaves the rest to the next reader."""
        try:
            self.stored_until = await self.begin()
            while await self._due():
                await self._handle(self._take())
        finally:
            self._buffer.clear()
            self._gauge()

    async def _due(self) -> bool:
        """Wait for a batch; False when there will be none any more."""
        while self.failure is None:
            if self._buffer and (self._closing or len(self._buffer) >= self.limits.rows):
                return True
            if self._closing:
                return False
            wait_s = self._oldest_s + self.limits.age_s - time.monotonic() if self._buffer else None
            if wait_s is not None and wait_s <= 0:
                return True
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                return True
        return False

    def _take(self) -> list[Record]:
        batch, self._buffer = self._buffer[: self.limits.rows], self._buffer[self.limits.rows :]
        self._in_work = len(batch)
        self._oldest_s = time.monotonic()
        return batch

    async def _handle(self, batch: list[Record]) -> None:
        outcome = await self.intake.take(batch)
        self._in_work = 0
        self._held_bytes = _size_bytes(self._buffer)
        if outcome.handled:
            self._report_gap(batch[: outcome.handled])
            self.stored_until = batch[outcome.handled - 1].offset + 1
            await self.commit(self.stored_until)
        if outcome.first_receive_time:
            metrics.AGE_SECONDS.observe(_age_s(outcome.first_receive_time))
            age = metrics.NEWEST_AGE.labels(*self.labels)
            age.set_function(partial(_age_s, outcome.last_receive_time))  # it grows when nothing is stored any more
        if outcome.failure is not None:
            self._stop(batch[outcome.handled], outcome.failure)
            return
        self._gauge()
        if not self.full:
            self.on_room()

    def _report_gap(self, handled: Sequence[Record]) -> None:
        """Report the offsets that are missing since the last batch and in this one: Kafka has deleted their messages.

        Nothing else makes a gap: the topic is neither compacted nor written to in transactions.
        """
        expected = self.stored_until
        if expected is None or handled[-1].offset + 1 - expected == len(handled):
            return
        for record in handled:
            if record.offset > expected:
                metrics.LOST.labels(*self.labels).inc(record.offset - expected)
                log.error(
                    "messages.lost",
                    topic=self.partition.topic,
                    partition=self.partition.partition,
                    first=expected,
                    last=record.offset - 1,
                    reason="Kafka's retention deleted them before they were stored",
                )
            expected = record.offset + 1

    def _stop(self, record: Record, reason: str) -> None:
        self.failure = reason
        metrics.STOPPED.labels(*self.labels).set(1)
        log.error(
            "partition.stopped",
            topic=self.partition.topic,
            partition=self.partition.partition,
            offset=record.offset,
            reason=reason,
            help="most cannot be decoded or are refused: put that right and restart, or set POISON_LIMIT_PERCENT=100",
        )

    def _gauge(self) -> None:
        metrics.BUFFERED.labels(*self.labels).set(len(self._buffer) + self._in_work)


def _size_bytes(records: Sequence[Record]) -> int:
    try:
        return sum(map(len, map(attrgetter("value"), records)))
    except TypeError:  # one has no value
        return sum(len(record.value or b"") for record in records)


def _age_s(time_ms: int) -> float:
    return time.time() - time_ms / 1000
