"""The lag of the consumer group, from the offsets it commits to Kafka, so that any consumer is measured alike."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

log = structlog.get_logger()

DEADLINE_S = 2.0
CLOSING_S = 1.0
_OPTIONS = {"request_timeout_ms": int(DEADLINE_S * 1000), "retry_backoff_ms": 200, "client_id": "dashboard"}


class PartitionLag(msgspec.Struct, frozen=True):
    """`committed` and `lag` are None where the group has committed nothing yet."""

    topic: str
    partition: int
    end: int
    committed: int | None
    lag: int | None


class LagReader:
    """Connections are opened when first asked for, and anew after a failure. One question at a time."""

    def __init__(self, bootstrap_servers: str, topics: Sequence[str], group: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._group = group
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None

    async def read(self) -> list[PartitionLag]:
        """By topic and partition. Raises OSError when Kafka does not answer in time, or has none of the topics."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                admin, consumer = await self._opened()
                return await self._ask(admin, consumer)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("kafka.unavailable", error=type(error).__name__)
            await self.close()
            raise OSError("Kafka does not answer") from error

    async def close(self) -> None:
        """Close both clients within a bound: a dead broker does not complete the closing handshake."""
        clients, self._clients = self._clients, None
        if clients is not None:
            admin, consumer = clients
            await asyncio.gather(_closed(consumer.stop()), _closed(admin.close()))

    async def _opened(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            self._clients = (
                AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers, **_OPTIONS),
                AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers, group_id=None, **_OPTIONS),
            )
            for client in self._clients:
                await client.start()
        return self._clients

    async def _ask(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> list[PartitionLag]:
        described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(list(self._topics))}
        keys = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(entry["partition"] for entry in described.get(topic, ()))
        ]
        if not keys:
            raise OSError("no such topic")
        offsets = await admin.list_consumer_group_offsets(self._group)
        ends = await consumer.end_offsets(keys)
        return [_lag(key, ends[key], offsets[key].offset if key in offsets else -1) for key in keys]


async def _closed(closing: Coroutine[Any, Any, None]) -> None:
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            await closing


def _lag(key: TopicPartition, end: int, committed: int) -> PartitionLag:
    if committed < 0:
        return PartitionLag(key.topic, key.partition, end, None, None)
    return PartitionLag(key.topic, key.partition, end, committed, max(0, end - committed))
