"""A batch of one partition: decoded, judged, stored, its bad messages set aside. Knows nothing of offsets' fate."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.kafka_clickhouse import metrics
from services.kafka_clickhouse.dead_letters import DeadLetter, DeadLetters
from services.kafka_clickhouse.errors import RefusedError
from services.kafka_clickhouse.messages import KafkaMsg, Record, Undecodable, decode
from services.kafka_clickhouse.native import encode
from services.kafka_clickhouse.poison import PoisonWatch
from services.kafka_clickhouse.storage import TickerStore


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

    store: TickerStore
    dead_letters: DeadLetters
    watch: PoisonWatch

    async def take(self, records: Sequence[Record]) -> Outcome:
        """Handle a batch, however long ClickHouse and Kafka need. Cancelling it leaves open what is done."""
        messages, bad = decode([record.value for record in records])
        allowed = self.watch.check(len(records), [undecodable.index for undecodable in bad])
        failure = None
        if allowed is not None:
            failure = next(undecodable.reason for undecodable in bad if undecodable.index >= allowed)
            records = records[:allowed]
            bad = [undecodable for undecodable in bad if undecodable.index < allowed]
            messages = messages[: allowed - len(bad)]
        await self._settle(records, messages, bad)
        if not messages:
            return Outcome(len(records), failure)
        times = [message.receive_time for message in messages]
        return Outcome(len(records), failure, min(times), max(times))

    async def _settle(self, records: Sequence[Record], messages: list[KafkaMsg], bad: Sequence[Undecodable]) -> None:
        letters = [DeadLetter(records[undecodable.index], "undecodable", undecodable.reason) for undecodable in bad]
        if messages:
            spoilt = {undecodable.index for undecodable in bad}
            good = [record for index, record in enumerate(records) if index not in spoilt] if bad else records
            letters += await self._store(good, messages)
        if letters:
            await self.dead_letters.put(letters)

    async def _store(self, records: Sequence[Record], messages: Sequence[KafkaMsg]) -> list[DeadLetter]:
        """Insert the messages; those that ClickHouse refuses, found by halving, are the answer."""
        try:
            await self.store.insert(encode(messages), _token(records))
        except RefusedError as error:
            if len(records) == 1:
                return [DeadLetter(records[0], "refused", str(error))]
            middle = len(records) // 2
            left = await self._store(records[:middle], messages[:middle])
            return left + await self._store(records[middle:], messages[middle:])
        metrics.ROWS.inc(len(messages))
        metrics.BATCHES.inc()
        metrics.BATCH_ROWS.observe(len(messages))
        return []


def _token(records: Sequence[Record]) -> str:
    first, last = records[0], records[-1]
    return f"{first.topic}:{first.partition}:{first.offset}-{last.offset}"
