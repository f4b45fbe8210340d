"""Kafka: one idempotent producer at a time, replaced when it fails for good.

The producer retries on its own, under the same sequence numbers, so that the broker drops duplicates. An error that
retries cannot repair ends it, and a new producer resends what is not confirmed.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from services.aggregator.events import Message, partition_of
from services.common.kafka import close_producer

REQUEST_TIMEOUT_S = 5.0
"""One request to a broker; repeated until `SEND_TIMEOUT_S` is over."""
SEND_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 10.0

MAX_BATCH_BYTES = 512 * 1024
"""Before compression: half of what a broker accepts by default, should nothing be gained."""


class ProducerLostError(ConnectionError):
    """This producer has failed for good. `unsent` is not confirmed, in order; some of it may have arrived."""

    def __init__(self, cause: BaseException, unsent: Iterable[Message] = ()) -> None:
        super().__init__(str(cause))
        self.reason = type(cause).__name__
        self.unsent = list(unsent)


class Producer:
    """An open producer for one topic."""

    def __init__(self, client: AIOKafkaProducer, topic: str) -> None:
        self._client = client
        self._topic = topic

    async def send(self, messages: Sequence[Message]) -> list[Message]:
        """Send a batch to each partition that `messages` concern; returns what did not fit, in order.

        Everything else is on every replica that is in sync then. Raises ProducerLostError, at most `SEND_TIMEOUT_S`
        later. When cancelled, everything may have arrived or not.
        """
        try:
            left = await self._by_partition(messages)
        except Exception as error:  # as at the start: any failure of the client
            raise ProducerLostError(error, messages) from error
        lost: BaseException | None
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                sends = [self._send_batch(left, partition) for partition in left]
                outcomes = await asyncio.gather(*sends, return_exceptions=True)
            lost = next((outcome for outcome in outcomes if outcome is not None), None)
        except TimeoutError as error:
            lost = error
        unsent = [message for batch in left.values() for message in batch]
        if lost is not None:
            raise ProducerLostError(lost, unsent) from lost
        return unsent

    async def _by_partition(self, messages: Iterable[Message]) -> dict[int, list[Message]]:
        partitions = len(await self._client.partitions_for(self._topic))  # known since the start, kept fresh behind it
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            by_partition.setdefault(partition_of(message.key, partitions), []).append(message)
        return by_partition

    async def _send_batch(self, left: dict[int, list[Message]], partition: int) -> None:
        """Send as much of a partition's messages as one batch holds, and take them out of `left` once confirmed."""
        lot, count = left[partition], 0
        batch = self._client.create_batch()
        for key, value, timestamp_ms in lot:
            if batch.append(key=key, value=value, timestamp=timestamp_ms) is None:
                break
            count += 1
        await (await self._client.send_batch(batch, self._topic, partition=partition))
        left[partition] = lot[count:]


@asynccontextmanager
async def open_producer(bootstrap_servers: str, topic: str) -> AsyncIterator[Producer]:
    """A producer for `topic`, which must exist. Raises ProducerLostError, at most `CONNECT_TIMEOUT_S` later."""
    client = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers.split(","),
        client_id="aggregator",
        enable_idempotence=True,
        acks="all",
        compression_type="zstd",
        max_batch_size=MAX_BATCH_BYTES,
        request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
    )
    try:
        await _start(client, topic)
        yield Producer(client, topic)
    finally:
        await _to_its_end(close_producer(client))


async def _start(client: AIOKafkaProducer, topic: str) -> None:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.start()
            await client.partitions_for(topic)
    except Exception as error:  # any failure of the client: Kafka may never end this process
        raise ProducerLostError(error) from error


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, also when cancelled meanwhile: half a close would leave connections behind."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])
