"""A producer that outlives any fault of Kafka, and remembers what Kafka has confirmed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.kafka_clickhouse.pipeline import Event, Pipeline

CHUNK = 200


@dataclass(slots=True)
class SteadyProducer:
    """Sends `rate` events a second, late ones too, each until it is confirmed: it may send some twice."""

    between: Pipeline
    rate: int
    sent: list[Event] = field(default_factory=list)
    enough: bool = False

    async def run(self) -> None:
        began_s = time.monotonic()
        while not self.enough:
            chunk = list(self.between.kind.make(CHUNK, first=len(self.sent)))
            while not await self._sent(chunk):  # noqa: ASYNC110 - Kafka's return is not announced
                await asyncio.sleep(0.2)
            self.sent += chunk
            await asyncio.sleep(max(0.0, began_s + len(self.sent) / self.rate - time.monotonic()))

    async def _sent(self, chunk: list[Event]) -> bool:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.between.bootstrap, acks="all", linger_ms=5, request_timeout_ms=5_000
        )
        try:
            await producer.start()
            sending = [await producer.send(self.between.topic, tick.value, tick.symbol.encode()) for tick in chunk]
            await asyncio.gather(*sending)
        except KafkaError:
            return False
        finally:
            await producer.stop()
        return True


@asynccontextmanager
async def steadily(between: Pipeline, rate: int = 1_000) -> AsyncIterator[SteadyProducer]:
    """Produce while the context is open; what has been begun then is still finished."""
    producer = SteadyProducer(between, rate)
    task = asyncio.create_task(producer.run())
    try:
        yield producer
    finally:
        producer.enough = True
        await asyncio.wait_for(task, 60)
