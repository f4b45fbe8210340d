"""Reads the topics for ever: a consumer of the group, replaced when it fails, and what is known about the lag."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.common.backoff import Backoff
from services.common.cancellation import raise_if_cancelled
from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.errors import KafkaSilentError, MostMessagesFailError
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.lane import BatchLimits
from services.kafka_clickhouse.lanes import Lanes
from services.kafka_clickhouse.records import plain
from services.kafka_clickhouse.settings import KafkaClickHouseSettings

log = structlog.get_logger()

POLL_MS = 200
POLL_MAX_RECORDS = 10_000
"""Unpacked at once, which blocks the loop: some 20 ms."""
PARTITION_FETCH_BYTES = 2 * 1024 * 1024
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 4.0
RETRY_CAP_S = 10.0
LAG_INTERVAL_S = 2.0
LAG_TIMEOUT_S = 5.0
SILENCE_LIMIT_S = 15.0


@dataclass(slots=True)
class Consumption:
    """`run` reads until it is cancelled; `drain` must have been called before if nothing is to be read twice."""

    settings: KafkaClickHouseSettings
    topics: Sequence[str]
    new_intake: Callable[[TopicPartition], Intake]
    """Makes what the messages of a partition go through."""
    _lanes: Lanes | None = None
    _answered_s: float = field(default=float("-inf"))
    _draining: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Consume for ever. A failed consumer is replaced, for any error of Kafka's."""
        backoff = Backoff(cap_s=RETRY_CAP_S)
        while True:
            began_s = time.monotonic()
            try:
                await self._consume()
            except (KafkaError, OSError, TimeoutError) as error:
                raise_if_cancelled()
                metrics.CONSUMERS_FAILED.inc()
                log.warning("consumer.failed", error=repr(error))
            if time.monotonic() - began_s > RETRY_CAP_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_delay_s())

    async def drain(self, timeout_s: float) -> None:
        """Stop reading; store and commit what has been read, within `timeout_s`."""
        self._draining.set()
        if self._lanes is not None:
            await self._lanes.drain(timeout_s)

    @property
    def silent(self) -> bool:
        """Whether Kafka has not answered for too long, or not yet given us our share of the partitions."""
        return time.monotonic() - self._answered_s > SILENCE_LIMIT_S

    async def check_kafka(self) -> None:
        """A readiness check: raises `KafkaSilentError` while `silent`."""
        if self.silent:
            raise KafkaSilentError

    async def check_messages(self) -> None:
        """A readiness check: raises `MostMessagesFailError` while a partition is stopped."""
        lanes = self._lanes.by_partition.values() if self._lanes is not None else ()
        if any(lane.failure is not None for lane in lanes):
            raise MostMessagesFailError

    async def _consume(self) -> None:
        """One consumer's life: until it fails, or is cancelled."""
        consumer = self._new_consumer()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await consumer.start()
            try:
                async with asyncio.TaskGroup() as tasks:
                    await self._read(consumer, tasks)
            except* (KafkaError, OSError) as errors:
                raise _first(errors) from errors
        finally:
            self._lanes = None
            await _stop(consumer)

    async def _read(self, consumer: AIOKafkaConsumer, tasks: asyncio.TaskGroup) -> None:
        limits = BatchLimits(self.settings.batch_rows, self.settings.batch_age_s)
        lanes = self._lanes = Lanes(consumer, tasks, self.new_intake, limits)
        consumer.subscribe(self.topics, listener=lanes)
        measuring = tasks.create_task(self._measure_lag(consumer, lanes), name="lag")
        try:
            while not self._draining.is_set():
                found = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_MAX_RECORDS)
                for partition, records in found.items():
                    lanes.offer(partition, records)
            await asyncio.Event().wait()  # the caller of `drain` ends this task
        finally:
            measuring.cancel()
            await lanes.drain(0)

    async def _measure_lag(self, consumer: AIOKafkaConsumer, lanes: Lanes) -> None:
        """Ask where the partitions end, which also shows whether Kafka answers."""
        was_silent = True  # before the first answer, silence is not worth a line
        while True:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(LAG_TIMEOUT_S):
                    await self._ask(consumer, lanes)
            if self.silent and not was_silent:
                log.warning("kafka.away", limit_s=SILENCE_LIMIT_S)
            elif was_silent and not self.silent:
                log.info("kafka.answers")
            was_silent = self.silent
            await asyncio.sleep(LAG_INTERVAL_S)

    async def _ask(self, consumer: AIOKafkaConsumer, lanes: Lanes) -> None:
        if not lanes.assigned:
            return
        ends = await consumer.end_offsets(list(lanes.by_partition))
        if not ends:  # there are more consumers than partitions: we stand by
            await consumer.topics()
        self._answered_s = time.monotonic()
        for partition, end in ends.items():
            lane = lanes.by_partition.get(partition)
            if lane is not None and lane.stored_until is not None:
                metrics.LAG.labels(*lane.labels).set(end - lane.stored_until)

    def _new_consumer(self) -> AIOKafkaConsumer:
        session_ms = int(self.settings.kafka_session_timeout_s * 1000)
        return AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers,
            group_id=self.settings.kafka_group,
            group_instance_id=self.settings.kafka_group_instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            value_deserializer=plain,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 4,
            request_timeout_ms=session_ms * 2,
        )


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)  # noqa: S101 - by the group's type
    return error


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and close. Kafka may be away: then the other members learn of it when the session ends."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("consumer.stop_failed", error=repr(error))
