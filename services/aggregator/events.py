"""Mini-tickers as records of Kafka's topic. No I/O."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from services.aggregator.prices import MAX_SYMBOLS
from services.market import kafka_msg
from services.market.events import MiniTicker


class Message(NamedTuple):
    """One record of the topic. Its time is that of arrival: Kafka deletes by age, and event times may be of old."""

    key: bytes
    value: bytes
    timestamp_ms: int


def encode(tickers: Sequence[MiniTicker], source: str, receive_ms: int) -> list[Message]:
    """The tickers of `source` that arrived at `receive_ms`, as messages in the same order."""
    values = kafka_msg.encode(tickers, source, receive_ms)
    return [Message(ticker.symbol.encode(), value, receive_ms) for ticker, value in zip(tickers, values, strict=True)]


@lru_cache(maxsize=MAX_SYMBOLS)
def partition_of(key: bytes, partitions: int) -> int:
    """The default partition of Kafka's own clients for `key`: a symbol has one partition for all producers."""
    return int(murmur2(key) & 0x7FFF_FFFF) % partitions
