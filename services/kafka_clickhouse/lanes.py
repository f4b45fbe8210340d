"""The partitions that are ours now, each with its lane. Kafka's group assigns them: they come and go together.

A partition that goes is drained first, bounded: what is read is stored and committed, so that the next owner does not
do it once more. If that takes too long the next owner does, to no effect.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.lane import BatchLimits, Lane
from services.kafka_clickhouse.messages import Record

log = structlog.get_logger()

OFFSET_TIMEOUT_S = 8.0
"""For reading and for committing an offset."""
REVOKE_DRAIN_S = 5.0
"""Below the group's rebalance timeout, or the others would go on without us."""


@dataclass(slots=True)
class Lanes(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """The lanes of one consumer. Their tasks belong to `tasks`."""

    consumer: AIOKafkaConsumer
    tasks: asyncio.TaskGroup
    new_intake: Callable[[TopicPartition], Intake]
    limits: BatchLimits
    assigned: bool = False
    """Whether the group has given us our share at least once. It may be none."""
    by_partition: dict[TopicPartition, Lane] = field(default_factory=dict)
    _running: dict[TopicPartition, asyncio.Task[None]] = field(default_factory=dict)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the consumer before it reads from them."""
        metrics.REBALANCES.inc()
        self.assigned = True
        names = {partition: f"{partition.topic}:{partition.partition}" for partition in sorted(assigned)}
        log.info("partitions.assigned", partitions=list(names.values()))
        for partition, name in names.items():
            lane = Lane(
                partition,
                self.new_intake(partition),
                self.limits,
                begin=partial(self._begin, partition),
                commit=partial(self._commit, partition),
                on_room=partial(self._resume, partition),
            )
            self.by_partition[partition] = lane
            self._running[partition] = self.tasks.create_task(lane.run(), name=f"lane-{name}")

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - all go
        """Called by the consumer, which may still commit, before others get them."""
        await self.drain(REVOKE_DRAIN_S)

    async def drain(self, timeout_s: float) -> None:
        """Let all lanes store and commit what they hold, then end. Those not done in time are cut."""
        lanes, running = dict(self.by_partition), dict(self._running)
        self.by_partition.clear()
        self._running.clear()
        for lane in lanes.values():
            lane.close()
        if not running:
            return
        _, late = await asyncio.wait(running.values(), timeout=timeout_s)
        for task in late:
            metrics.DRAINS_CUT.inc()
            task.cancel()
        if late:
            log.warning("partitions.drain_cut", count=len(late), timeout_s=timeout_s)
            await asyncio.wait(late)
        for partition in lanes:
            _forget_metrics(partition)

    def offer(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """Hand on what was read, and pause what has no more room."""
        lane = self.by_partition.get(partition)
        if lane is None:
            return
        lane.offer(records)
        if lane.full and partition not in self.consumer.paused():
            metrics.PAUSES.inc()
            self.consumer.pause(partition)

    def _resume(self, partition: TopicPartition) -> None:
        if partition in self.consumer.assignment():
            self.consumer.resume(partition)

    async def _begin(self, partition: TopicPartition) -> int | None:
        """The committed offset, or the oldest there is where nothing was committed. None if Kafka does not answer."""
        try:
            async with asyncio.timeout(OFFSET_TIMEOUT_S):
                committed: int | None = await self.consumer.committed(partition)
                if committed is None:
                    committed = (await self.consumer.beginning_offsets([partition]))[partition]
                return committed
        except (KafkaError, TimeoutError) as error:
            log.warning("commit.unknown", topic=partition.topic, partition=partition.partition, error=repr(error))
            return None

    async def _commit(self, partition: TopicPartition, offset: int) -> None:
        """Commit, or log that it failed: then the messages are read again one day, which changes nothing."""
        try:
            async with asyncio.timeout(OFFSET_TIMEOUT_S):
                await self.consumer.commit({partition: offset})
        except (KafkaError, TimeoutError) as error:
            metrics.COMMIT_FAILURES.inc()
            log.warning(
                "commit.failed",
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                error=repr(error),
            )


def _forget_metrics(partition: TopicPartition) -> None:
    for gauge in (metrics.LAG, metrics.BUFFERED, metrics.NEWEST_AGE, metrics.STOPPED):
        with suppress(KeyError):
            gauge.remove(partition.topic, str(partition.partition))
