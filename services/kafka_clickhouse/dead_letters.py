"""Messages that cannot be stored, set aside in a topic of their own: value and key as they came, and why in headers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from services.common.backoff import Backoff
from services.common.kafka import close_producer
from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.errors import DeadLettersFailError
from services.kafka_clickhouse.messages import Record

log = structlog.get_logger()

SEND_TIMEOUT_S = 15.0
START_TIMEOUT_S = 10.0
RETRY_CAP_S = 15.0
REASON_LENGTH = 500
TRUNCATED_BYTES = 64 * 1024
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    partition: TopicPartition
    record: Record
    kind: str
    """`undecodable` or `refused`."""
    reason: str


@dataclass(slots=True)
class DeadLetters:
    """The dead-letter topic. The producer is made at the first letter, and anew after a failure."""

    bootstrap_servers: str
    topic: str
    failing: bool = False
    _producer: AIOKafkaProducer | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Write all of them, however long it takes; returns when Kafka has confirmed them.

        Cancelling it may leave some written: they will be written once more.
        """
        async with self._lock:
            for begin in range(0, len(letters), AT_ONCE):
                await self._put(letters[begin : begin + AT_ONCE])
        for letter in letters:
            metrics.DEAD_LETTERS.labels(letter.kind).inc()

    async def check(self) -> None:
        """A readiness check: raises `DeadLettersFailError` while letters cannot be written."""
        if self.failing:
            raise DeadLettersFailError

    async def close(self) -> None:
        """Let go of the producer. What it has not confirmed is written again by the next one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_producer(producer)

    async def _put(self, letters: Sequence[DeadLetter]) -> None:
        backoff = Backoff(cap_s=RETRY_CAP_S)
        while True:
            try:
                async with asyncio.timeout(START_TIMEOUT_S + SEND_TIMEOUT_S):
                    producer = await self._started()
                    await asyncio.gather(*(self._send(producer, letter) for letter in letters))
            except (KafkaError, OSError, TimeoutError) as error:
                metrics.DEAD_LETTER_FAILURES.inc()
                self.failing = True
                log.warning("dead_letters.failed", error=repr(error), count=len(letters))
                await self.close()
                await asyncio.sleep(backoff.next_delay_s())
            else:
                self.failing = False
                return

    async def _send(self, producer: AIOKafkaProducer, letter: DeadLetter) -> None:
        record, headers = letter.record, _headers(letter)
        try:
            # aiokafka refuses a message that has neither, which others may have written all the same.
            value = b"" if record.value is None and record.key is None else record.value
            await producer.send_and_wait(self.topic, value=value, key=record.key, headers=headers)
        except MessageSizeTooLargeError:  # with the headers it is larger than it was
            value = (record.value or b"")[:TRUNCATED_BYTES]
            await producer.send_and_wait(self.topic, value=value, headers=[*headers, ("truncated", b"true")])

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap_servers,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                request_timeout_ms=int(SEND_TIMEOUT_S * 1000),
            )
            try:
                await producer.start()
            except BaseException:  # also when cancelled: half a producer is of no use to the next letter
                await close_producer(producer)
                raise
            self._producer = producer
        return self._producer


def _headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    record = letter.record
    return [
        ("reason", letter.reason[:REASON_LENGTH].encode()),
        ("topic", letter.partition.topic.encode()),
        ("partition", str(letter.partition.partition).encode()),
        ("offset", str(record.offset).encode()),
        ("kind", letter.kind.encode()),
    ]
