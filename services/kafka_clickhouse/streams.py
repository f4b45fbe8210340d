"""The table of what is stored: a topic, its decoder, its table, its dead letters. A further stream is one more row."""

from dataclasses import dataclass
from typing import Any, Generic

from services.kafka_clickhouse.messages import TICKER_MESSAGES, TRADE_MESSAGES, Codec, M
from services.kafka_clickhouse.native import MARKET_TICKERS, TRADES, Table
from services.kafka_clickhouse.settings import KafkaClickHouseSettings


@dataclass(frozen=True, slots=True)
class Stream(Generic[M]):
    """One topic's way into one table. A message has a `receive_time` in ms."""

    topic: str
    codec: Codec[M]
    table: Table[M]
    dead_letter_topic: str


def streams(settings: KafkaClickHouseSettings) -> list[Stream[Any]]:
    """All of them."""
    return [
        Stream(settings.kafka_topic, TICKER_MESSAGES, MARKET_TICKERS, settings.kafka_dead_letter_topic),
        Stream(settings.kafka_trade_topic, TRADE_MESSAGES, TRADES, settings.kafka_trade_dead_letter_topic),
    ]
