"""Rows as a block of ClickHouse's Native format, column by column, without a Python step per value.

https://clickhouse.com/docs/interfaces/formats/Native. Decimals and names travel as String and become the table's types
in the server: that costs it less than it would cost us to make 16-byte integers of text.
"""

from array import array
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from services.market.kafka_msg import KafkaMsg
from services.market.trade_msg import TradeMsg

R = TypeVar("R")
V = TypeVar("V")

_pack = msgspec.msgpack.Encoder().encode
_FIXSTR = bytes(byte - 0xA0 if 0xA0 <= byte < 0xC0 else byte for byte in range(256))
"""MessagePack's headers of strings below 32 bytes (0xA0 + length) become Native's (the length)."""
_SMALL, _MEDIUM = 16, 65_536


def varint(number: int) -> bytes:
    """LEB128, unsigned."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def strings(values: list[str]) -> bytes:
    """A String column. One call packs all when they are ASCII and short, as nearly all are."""
    header = 1 if len(values) < _SMALL else 3 if len(values) < _MEDIUM else 5
    packed = _pack(values)[header:].translate(_FIXSTR)
    if packed.isascii():  # no other kind of header is left, and no letter that needs more than one byte
        return packed
    return b"".join(varint(len(text)) + text for text in (value.encode() for value in values))


def moments(values: list[int]) -> bytes:
    """A DateTime64 column of ticks."""
    return array("q", values).tobytes()


def integers(values: list[int]) -> bytes:
    """An Int64 column."""
    return array("q", values).tobytes()


def flags(values: list[bool]) -> bytes:
    """A Bool column."""
    return bytes(values)


class Type(NamedTuple, Generic[V]):
    """A type of Native's, and how its columns are written."""

    name: str
    write: Callable[[list[V]], bytes]


STRING = Type("String", strings)
MOMENT = Type("DateTime64(3, 'UTC')", moments)
INT64 = Type("Int64", integers)
BOOL = Type("Bool", flags)


class Table(Generic[R]):
    """A table of ClickHouse's, and how rows become a block of its columns."""

    def __init__(self, name: str, **columns: tuple[str, Type[Any]]) -> None:
        """`columns`: by the column's name, the row's attribute and the type that travels."""
        self.name = name
        self.columns = tuple(columns)
        self._parts = [
            (_text(column) + _text(kind.name), attrgetter(field), kind.write)
            for column, (field, kind) in columns.items()
        ]

    def encode(self, rows: Sequence[R]) -> bytes:
        """One block of `columns`."""
        parts = [varint(len(self.columns)), varint(len(rows))]
        for head, field, write in self._parts:
            parts += (head, write(list(map(field, rows))))
        return b"".join(parts)


def _text(name: str) -> bytes:
    return varint(len(name)) + name.encode()


MARKET_TICKERS: Table[KafkaMsg] = Table(
    "market_tickers",
    message_id=("message_id", STRING),
    event_type=("e", STRING),
    symbol=("s", STRING),
    close_price=("c", STRING),
    open_price=("o", STRING),
    high_price=("h", STRING),
    low_price=("l", STRING),
    change_price=("change_price", STRING),
    change_percent=("change_percent", STRING),
    volume=("v", STRING),
    quote_volume=("q", STRING),
    source=("src", STRING),
    event_time=("E", MOMENT),
    receive_time=("receive_time", MOMENT),
)
TRADES: Table[TradeMsg] = Table(
    "trades",
    symbol=("s", STRING),
    trade_id=("a", INT64),
    price=("p", STRING),
    quantity=("q", STRING),
    first_id=("f", INT64),
    last_id=("l", INT64),
    event_time=("E", MOMENT),
    trade_time=("T", MOMENT),
    buyer_is_maker=("m", BOOL),
    receive_time=("receive_time", MOMENT),
    source=("src", STRING),
)
