"""What of the topic's messages can be stored. Ours are decoded at once; a batch that holds others, one by one."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from services.kafka_clickhouse.errors import UndecodableError
from services.market import kafka_msg
from services.market.kafka_msg import DECIMALS, MALFORMED, KafkaMsg, MalformedMessageError, decode_own

_columns = tuple(attrgetter(name) for name in DECIMALS)


class Record(Protocol):
    """What we use of a consumer's record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that cannot be stored: its place among those given, and why."""

    index: int
    reason: str


def decode(values: Sequence[bytes | None]) -> tuple[list[KafkaMsg], list[Undecodable]]:
    """The messages that can be stored, in order, and those that cannot."""
    try:
        messages = list(map(decode_own, values))  # type: ignore[arg-type] # None is refused like anything else
        if _are_numbers(messages):
            return messages, []
    except (*MALFORMED, TypeError):
        pass
    return _decode_singly(values)


def decode_one(value: bytes | None) -> KafkaMsg:
    """One message, by the slow and tolerant way. Raises `UndecodableError`."""
    if value is None:
        raise UndecodableError("the message has no value")
    try:
        return kafka_msg.decode(value)
    except MalformedMessageError as error:
        raise UndecodableError(str(error)) from error


def _decode_singly(values: Sequence[bytes | None]) -> tuple[list[KafkaMsg], list[Undecodable]]:
    messages, bad = [], []
    for index, value in enumerate(values):
        try:
            messages.append(decode_one(value))
        except UndecodableError as error:
            bad.append(Undecodable(index, str(error)))
    return messages, bad


def _are_numbers(messages: list[KafkaMsg]) -> bool:
    """Whether every decimal reads as a number.

    ClickHouse takes "1.2.3" for 1.23 and "-" for 0; float does not, and what only float takes ("nan", "1_0") ClickHouse
    refuses. What both take is a number.
    """
    try:
        for column in _columns:
            deque(map(float, map(column, messages)), maxlen=0)
    except ValueError:
        return False
    return True
