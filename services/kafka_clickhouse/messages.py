"""KafkaMsg: what a message of the topic says, and what of it can be stored.

Ours are decoded at once. What the Go original may write otherwise (numbers for decimals or for what we can compute,
no `src`, `v`, `q`) is read on a second, slower way. Keys that we do not know are ignored.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from operator import attrgetter
from typing import Annotated, Final, Protocol

import msgspec

from services.kafka_clickhouse.errors import UndecodableError

DECIMALS: Final = ("c", "o", "h", "l", "change_price", "change_percent", "v", "q")
INTEGER_DIGITS, SCALE = 20, 18
"""What fits a Decimal(38, 18)."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Number = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Moment = Annotated[int, msgspec.Meta(ge=1_000_000_000_000, lt=4_102_444_800_000)]
"""ms, 2001 to 2099: seconds or µs by mistake do not pass."""


class Record(Protocol):
    """What we use of a consumer's record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class KafkaMsg(msgspec.Struct, gc=False):
    """One mini-ticker. The names are the contract's; decimals are text."""

    message_id: Name
    e: Name
    E: Moment
    receive_time: Moment
    s: Name
    c: Number
    o: Number
    h: Number
    l: Number  # noqa: E741 - the contract's name
    change_price: Number
    change_percent: Number
    v: Number = "0"
    q: Number = "0"
    src: Name = "binance"


class _Lenient(msgspec.Struct, gc=False):
    E: Moment
    s: Name
    c: Decimal
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741
    message_id: str = ""
    e: Name = "24hrMiniTicker"
    receive_time: Moment | None = None
    change_price: Decimal | None = None
    change_percent: Decimal | None = None
    v: Decimal = Decimal(0)
    q: Decimal = Decimal(0)
    src: Name = "binance"


_decode = msgspec.json.Decoder(KafkaMsg).decode
_decode_leniently = msgspec.json.Decoder(_Lenient, strict=False).decode
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The last for brackets in brackets in brackets, even below keys that we ignore."""
_columns: Final = tuple(attrgetter(name) for name in DECIMALS)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_WIDE: Final = Context(prec=100)
_PERCENT: Final = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that cannot be stored: its place among those given, and why."""

    index: int
    reason: str


def decode(values: Sequence[bytes | None]) -> tuple[list[KafkaMsg], list[Undecodable]]:
    """The messages that can be stored, in order, and those that cannot."""
    try:
        messages = list(map(_decode, values))  # type: ignore[arg-type] # None is refused like anything else
        if _are_numbers(messages):
            return messages, []
    except (*_MALFORMED, TypeError):
        pass
    return _decode_singly(values)


def decode_one(value: bytes | None) -> KafkaMsg:
    """One message, whatever it takes. Raises `UndecodableError`."""
    if value is None:
        raise UndecodableError("the message has no value")
    try:
        try:
            message = _decode(value)
        except msgspec.ValidationError:
            message = _from_lenient(_decode_leniently(value))
    except _MALFORMED as error:
        raise UndecodableError(str(error)) from error
    for name in DECIMALS:
        _plain(name, getattr(message, name))
    return message


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


def _plain(name: str, value: Decimal | str) -> str:
    """`value` in plain notation. Raises `UndecodableError` for what is no number, or none that fits."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise UndecodableError(f"`{name}` is no number")
    number = Decimal(value)
    if not number.is_finite() or number.adjusted() >= INTEGER_DIGITS:
        raise UndecodableError(f"`{name}` does not fit Decimal(38, 18)")
    return format(number, "f") if number.adjusted() >= -SCALE else "0"


def _from_lenient(told: _Lenient) -> KafkaMsg:
    texts = {name: _plain(name, getattr(told, name)) for name in ("c", "o", "h", "l", "v", "q")}
    closed, opened = Decimal(texts["c"]), Decimal(texts["o"])
    change = _WIDE.subtract(closed, opened) if told.change_price is None else told.change_price
    percent = _percent(change, opened) if told.change_percent is None else told.change_percent
    return KafkaMsg(
        message_id=told.message_id or f"{told.s}:{told.E}",
        e=told.e,
        E=told.E,
        receive_time=told.E if told.receive_time is None else told.receive_time,
        s=told.s,
        change_price=_plain("change_price", change),
        change_percent=_plain("change_percent", percent),
        src=told.src,
        **texts,
    )


def _percent(change: Decimal, opened: Decimal) -> Decimal:
    """Rounded half to even to 8 places, 0 when `opened` is 0, as the contract has it."""
    if not opened:
        return Decimal(0)
    return _WIDE.divide(change * 100, opened).quantize(_PERCENT, context=_WIDE)
