"""What of a topic's messages can be stored. Ours are decoded at once; a batch that holds others, one by one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from services.kafka_clickhouse.errors import UndecodableError
from services.market import kafka_msg, trade_msg
from services.market.kafka_msg import MALFORMED, KafkaMsg, MalformedMessageError
from services.market.trade_msg import TradeMsg

M = TypeVar("M")

_DIGITS = b"0123456789"


class Record(Protocol):
    """What we use of a consumer's record. Whose it is, its lane knows."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that cannot be stored: its place among those given, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Codec(Generic[M]):
    """The messages of one topic."""

    own: Callable[[bytes], M]
    """Reads a message as our producer writes it, without a look at its decimals. Raises one of `MALFORMED`."""
    any: Callable[[bytes], M]
    """Reads a message of any producer. Raises MalformedMessageError."""
    decimals: Sequence[str]
    least: float = -math.inf
    """No decimal that can be stored is below."""

    def decode(self, values: Sequence[bytes | None]) -> tuple[list[M], list[Undecodable]]:
        """The messages that can be stored, in order, and those that cannot."""
        try:
            messages = list(map(self.own, values))  # type: ignore[arg-type] # None is refused like anything else
            if self._decimals_are_numbers(messages):
                return messages, []
        except (*MALFORMED, TypeError):
            pass
        return self._decode_singly(values)

    def decode_one(self, value: bytes | None) -> M:
        """One message, by the slow and tolerant way. Raises `UndecodableError`."""
        if value is None:
            raise UndecodableError("the message has no value")
        try:
            return self.any(value)
        except MalformedMessageError as error:
            raise UndecodableError(str(error)) from error

    def _decode_singly(self, values: Sequence[bytes | None]) -> tuple[list[M], list[Undecodable]]:
        messages, bad = [], []
        for index, value in enumerate(values):
            try:
                messages.append(self.decode_one(value))
            except UndecodableError as error:
                bad.append(Undecodable(index, str(error)))
        return messages, bad

    def _decimals_are_numbers(self, messages: list[M]) -> bool:
        """Whether every decimal reads as a number that is not below `least`."""
        return all(are_numbers(list(map(attrgetter(name), messages)), self.least) for name in self.decimals)


def are_numbers(texts: list[str], least: float = -math.inf) -> bool:
    """Whether each reads as a number that is not below `least`.

    Most columns are digits, a point and digits throughout, which is seen at once. ClickHouse takes "1.2.3" for 1.23 and
    "-" for 0; float does not, and what only float takes ("nan", "1_0") ClickHouse refuses. What both take is a number.
    """
    try:
        column = "\n".join(["0", *texts, "0"]).encode()
        points = column.translate(None, _DIGITS)
        if points == b"\n" + b".\n" * len(texts) and b"\n." not in column and b".\n" not in column:
            return True
        return not any(map(least.__gt__, map(float, texts)))
    except ValueError:
        return False


TICKER_MESSAGES: Codec[KafkaMsg] = Codec(kafka_msg.decode_own, kafka_msg.decode, kafka_msg.DECIMALS)
TRADE_MESSAGES: Codec[TradeMsg] = Codec(trade_msg.decode_own, trade_msg.decode, trade_msg.DECIMALS, least=0.0)
