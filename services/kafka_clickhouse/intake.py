"""A batch of one partition: decoded, judged, stored, its bad messages set aside. Knows nothing of offsets' fate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.dead_letters import DeadLetter, DeadLetters
from services.kafka_clickhouse.errors import MostRefusedError, RefusedError
from services.kafka_clickhouse.messages import Record, Undecodable
from services.kafka_clickhouse.poison import PoisonWatch
from services.kafka_clickhouse.storage import Store
from services.kafka_clickhouse.streams import Stream


@dataclass(frozen=True, slots=True)
class Outcome:
    """`handled`: how many of the batch's messages are stored or set aside for good, from its beginning.

    `failure`: why the next one was not, when most messages fail. The times (ms) are of what was stored; 0 for nothing.
    """

    handled: int
    failure: str | None = None
    first_receive_time: int = 0
    last_receive_time: int = 0


@dataclass(slots=True)
class Intake:
    """What a partition's messages go through. One batch at a time."""

    partition: TopicPartition
    stream: Stream[Any]
    store: Store
    dead_letters: DeadLetters
    watch: PoisonWatch
    """Of what cannot be decoded."""
    refusals: PoisonWatch
    """Of what ClickHouse refuses: a changed table refuses everything."""

    async def take(self, records: Sequence[Record]) -> Outcome:
        """Handle a batch, however long ClickHouse and Kafka need. Cancelling it leaves open what is done."""
        messages, bad = self.stream.codec.decode([record.value for record in records])
        allowed = self.watch.check(len(records), [undecodable.index for undecodable in bad])
        failure = None
        if allowed is not None:
            failure = next(undecodable.reason for undecodable in bad if undecodable.index >= allowed)
            records = records[:allowed]
            bad = [undecodable for undecodable in bad if undecodable.index < allowed]
            messages = messages[: allowed - len(bad)]
        letters = [
            DeadLetter(self.partition, records[undecodable.index], "undecodable", undecodable.reason)
            for undecodable in bad
        ]
        refused: list[DeadLetter] = []
        try:
            await self._store(_without(records, bad), messages, refused)
        except MostRefusedError:
            return await self._stop_before(refused[0], records, letters)
        await self._set_aside(letters + refused)
        times = [message.receive_time for message in messages] or [0]
        return Outcome(len(records), failure, min(times), max(times))

    async def _stop_before(self, first: DeadLetter, records: Sequence[Record], letters: list[DeadLetter]) -> Outcome:
        """Nothing from the first refused message on is done with; what is stored of it will be stored once more."""
        await self._set_aside([letter for letter in letters if letter.record.offset < first.record.offset])
        return Outcome(records.index(first.record), first.reason)

    async def _set_aside(self, letters: list[DeadLetter]) -> None:
        if letters:
            await self.dead_letters.put(letters)

    async def _store(self, records: Sequence[Record], messages: Sequence[Any], refused: list[DeadLetter]) -> None:
        """Insert the messages; those that ClickHouse refuses, found by halving, join `refused`.

        Raises MostRefusedError as soon as these are most of what it was given lately.
        """
        if not records:
            return
        table = self.stream.table
        try:
            await self.store.insert(table, table.encode(messages), self._token(records))
        except RefusedError as error:
            if len(records) == 1:
                refused.append(DeadLetter(self.partition, records[0], "refused", str(error)))
                if self.refusals.check(1, [0]) is not None:
                    raise MostRefusedError from error
                return
            middle = len(records) // 2
            await self._store(records[:middle], messages[:middle], refused)
            await self._store(records[middle:], messages[middle:], refused)
            return
        self.refusals.check(len(records), [])
        metrics.ROWS.inc(len(messages))
        metrics.BATCHES.inc()
        metrics.BATCH_ROWS.observe(len(messages))

    def _token(self, records: Sequence[Record]) -> str:
        topic, partition = self.partition
        return f"{topic}:{partition}:{records[0].offset}-{records[-1].offset}"


def _without(records: Sequence[Record], bad: Sequence[Undecodable]) -> Sequence[Record]:
    spoilt = {undecodable.index for undecodable in bad}
    return [record for index, record in enumerate(records) if index not in spoilt] if bad else records
