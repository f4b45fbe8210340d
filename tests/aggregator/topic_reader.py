"""An independent consumer, as any client of the topic would be: aiokafka and json, and nothing of ours."""

import json
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from tests.processes import until


class TopicReader:
    """Reads `topic`, from its end at the time of entering; `records` is what has come, in order within a partition."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=5_000, retry_backoff_ms=50)
        self._topic = topic
        self.records: list[ConsumerRecord] = []

    async def __aenter__(self) -> "TopicReader":
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self._topic, number) for number in range(3)])
        await self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            await self._consumer.position(partition)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    @property
    def messages(self) -> list[Any]:
        return [json.loads(record.value) for record in self.records]

    @property
    def ids(self) -> list[str]:
        return [message["message_id"] for message in self.messages]

    async def until_number(self, number: int, timeout_s: float = 60) -> None:
        """Read until so many records have come."""

        async def complete() -> bool:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                self.records += records
            return len(self.records) >= number

        await until(complete, timeout_s, f"{number} records have come")

    async def until_ids(self, wanted: Iterable[str], timeout_s: float = 60) -> None:
        """Read until every one of `wanted` has come, at least once."""
        missing = set(wanted)

        async def complete() -> bool:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                self.records += records
                missing.difference_update(json.loads(record.value)["message_id"] for record in records)
            return not missing

        await until(complete, timeout_s, "every message has come")


def events_by_symbol(messages: Iterable[Any]) -> dict[str, list[int]]:
    """The event times of each symbol in order of appearance; a repetition of what has come already is left out."""
    events: dict[str, dict[int, None]] = {}
    for message in messages:
        events.setdefault(message["s"], {})[message["E"]] = None
    return {symbol: list(times) for symbol, times in events.items()}
