"""Market events as records of Kafka's topics. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from aiokafka.partitioner import murmur2

from services.aggregator.prices import MAX_SYMBOLS
from services.market import kafka_msg, trade_msg
from services.market.events import AggTrade, MiniTicker
from services.market.names import AGG_TRADES, MINI_TICKERS

E = TypeVar("E")


class Message(NamedTuple):
    """One record of a topic. Its time is that of arrival: Kafka deletes by age, and event times may be of old."""

    key: bytes
    value: bytes
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class EventKind(Generic[E]):
    """One kind of event on its way to Kafka."""

    name: str
    topic: str
    event_type: type[E]
    encode: Callable[[Sequence[E], str, int], list[Message]]
    """Gives the events of a source that arrived at a time (ms) as messages in the same order."""
    size_bytes: Callable[[Sequence[E]], int]
    """What events occupy as they came, about."""
    merges: bool
    """Whether an event knows its source and arrival, so that those that came apart may wait together."""
    linger_s: float
    """How long few events wait for more, before they are sent."""


def encode(tickers: Sequence[MiniTicker], source: str, receive_ms: int) -> list[Message]:
    """The tickers of `source` that arrived at `receive_ms`, as messages in the same order."""
    values = kafka_msg.encode(tickers, source, receive_ms)
    return [Message(ticker.symbol.encode(), value, receive_ms) for ticker, value in zip(tickers, values, strict=True)]


def tape_messages(trades: Sequence[AggTrade], payloads: Sequence[bytes], source: str, receive_ms: int) -> list[Message]:
    """The trades of `source` that arrived at `receive_ms`, each with its payload, as messages in the same order.

    Nothing of a payload is written anew: that is exact, and costs a tenth.
    """
    ending = trade_msg.ending(source, receive_ms)
    return [
        Message(trade.symbol.encode(), payload.rstrip()[:-1] + ending, receive_ms)
        for trade, payload in zip(trades, payloads, strict=True)
    ]


TICKER_BYTES = 600
"""What an unpacked ticker occupies, about."""
MESSAGE_BYTES = 200
"""What an unpacked message occupies besides its value, about."""

TICKER_EVENTS: EventKind[MiniTicker] = EventKind(
    "mini_tickers",
    MINI_TICKERS,
    MiniTicker,
    encode,
    size_bytes=lambda tickers: len(tickers) * TICKER_BYTES,
    merges=False,
    linger_s=0,
)
TRADE_EVENTS: EventKind[Message] = EventKind(
    "agg_trades",
    AGG_TRADES,
    Message,
    encode=lambda messages, _source, _receive_ms: list(messages),
    size_bytes=lambda messages: sum(len(message.value) + MESSAGE_BYTES for message in messages),
    merges=True,
    linger_s=0.5,
)


@lru_cache(maxsize=MAX_SYMBOLS)
def partition_of(key: bytes, partitions: int) -> int:
    """The default partition of Kafka's own clients for `key`: a symbol has one partition for all producers."""
    return int(murmur2(key) & 0x7FFF_FFFF) % partitions
