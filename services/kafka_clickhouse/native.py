"""Rows as a block of ClickHouse's Native format, column by column, without a Python step per value.

https://clickhouse.com/docs/interfaces/formats/Native. Decimals and names travel as String and become the table's types
in the server: that costs it less than it would cost us to make 16-byte integers of text.
"""

from array import array
from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from services.market.kafka_msg import KafkaMsg

_pack = msgspec.msgpack.Encoder().encode
_FIXSTR = bytes(byte - 0xA0 if 0xA0 <= byte < 0xC0 else byte for byte in range(256))
"""MessagePack's headers of strings below 32 bytes (0xA0 + length) become Native's (the length)."""
_SMALL, _MEDIUM = 16, 65_536

MOMENT = "DateTime64(3, 'UTC')"


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


def _text(name: str) -> bytes:
    return varint(len(name)) + name.encode()


def _column(name: str, field: str) -> tuple[str, bytes, Callable[[KafkaMsg], str]]:
    return name, _text(name) + _text("String"), attrgetter(field)


_STRINGS = tuple(
    _column(name, field)
    for name, field in (
        ("message_id", "message_id"),
        ("event_type", "e"),
        ("symbol", "s"),
        ("close_price", "c"),
        ("open_price", "o"),
        ("high_price", "h"),
        ("low_price", "l"),
        ("change_price", "change_price"),
        ("change_percent", "change_percent"),
        ("volume", "v"),
        ("quote_volume", "q"),
        ("source", "src"),
    )
)
_EVENT_TIME = _text("event_time") + _text(MOMENT)
_RECEIVE_TIME = _text("receive_time") + _text(MOMENT)
COLUMNS = (*(name for name, _, _ in _STRINGS), "event_time", "receive_time")


def encode(rows: Sequence[KafkaMsg]) -> bytes:
    """One block of `COLUMNS` for market_tickers."""
    parts = [varint(len(COLUMNS)), varint(len(rows))]
    for _, head, field in _STRINGS:
        parts += (head, strings(list(map(field, rows))))
    parts += (_EVENT_TIME, moments([row.E for row in rows]), _RECEIVE_TIME, moments([row.receive_time for row in rows]))
    return b"".join(parts)
