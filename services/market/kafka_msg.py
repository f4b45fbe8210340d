"""KafkaMsg, a mini-ticker in the analytic contour: encoding, and decoding of any producer's messages.

    {"message_id":"BTCUSDT:1767225600123","e":"24hrMiniTicker","E":1767225600123,"receive_time":1767225600187,
     "s":"BTCUSDT","c":"68123.45","o":"67000.00",…,"change_price":"1123.45","change_percent":"1.67679104",…}

The exchange's decimals pass through as it wrote them; what is calculated from them loses the zeros at its end. What the
Go original may write otherwise (numbers for decimals or for what can be computed, no `src`, `v`, `q`) is read on a
second, slower way. Unknown keys are ignored.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from services.market.decimals import (
    DECIMAL_PLACES,
    INTEGER_DIGITS,
    change,
    change_percent,
    parse_foreign_decimal,
    plain,
)
from services.market.events import MiniTicker
from services.market.names import DEFAULT_SOURCE

EVENT_TYPE = "24hrMiniTicker"
DECIMALS = ("c", "o", "h", "l", "change_price", "change_percent", "v", "q")

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Number = Annotated[str, Meta(min_length=1, max_length=64)]
Moment = Annotated[int, Meta(ge=1_000_000_000_000, lt=4_102_444_800_000)]
"""ms, 2001 to 2099: seconds or µs by mistake do not pass."""


class MalformedMessageError(ValueError):
    """No KafkaMsg, or one with a number that fits no Decimal(38, 18)."""


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
    src: Name = DEFAULT_SOURCE


class _Lenient(msgspec.Struct, gc=False):
    E: Moment
    s: Name
    c: Decimal
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741
    message_id: str = ""
    e: Name = EVENT_TYPE
    receive_time: Moment | None = None
    change_price: Decimal | None = None
    change_percent: Decimal | None = None
    v: Decimal = Decimal(0)
    q: Decimal = Decimal(0)
    src: Name = DEFAULT_SOURCE


decode_own = msgspec.json.Decoder(KafkaMsg).decode
"""A message as `encode` writes it; its decimals are not looked at. Raises one of `MALFORMED`."""
_decode_leniently = msgspec.json.Decoder(_Lenient, strict=False).decode
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The last for brackets in brackets in brackets, even below keys that we ignore."""


def encode(tickers: Iterable[MiniTicker], source: str, receive_ms: int) -> list[bytes]:
    """The tickers of `source` that arrived at `receive_ms`, as messages in the same order."""
    ending = f'"src":{msgspec.json.encode(source).decode()}}}'
    return [_value(ticker, receive_ms, ending).encode() for ticker in tickers]


def decode(value: bytes) -> KafkaMsg:
    """One message of any producer. Raises MalformedMessageError with the reason."""
    try:
        try:
            message = decode_own(value)
        except msgspec.ValidationError:
            message = _from_lenient(_decode_leniently(value))
    except MALFORMED as error:
        raise MalformedMessageError(str(error)) from error
    for name in DECIMALS:
        _fitting(name, getattr(message, name))
    return message


def changes(close: str, opened: str) -> tuple[str, str]:
    """`change_price` = close − open, exact, and `change_percent` of the open, half to even at 8 places."""
    before = Decimal(opened)
    changed = change(Decimal(close), before)
    return plain(changed), plain(change_percent(changed, before))


# Formatting costs half of encoding a struct. No text here needs escaping: decimals and symbols (letters and digits of
# any script, "_", "-", ".") were checked when they came in.
def _value(ticker: MiniTicker, receive_ms: int, ending: str) -> str:
    symbol, event_ms = ticker.symbol, ticker.event_ms
    changed, percent = changes(ticker.close, ticker.open)
    return (
        f'{{"message_id":"{symbol}:{event_ms}","e":"{EVENT_TYPE}","E":{event_ms},"receive_time":{receive_ms},'
        f'"s":"{symbol}","c":"{ticker.close}","o":"{ticker.open}","h":"{ticker.high}","l":"{ticker.low}",'
        f'"change_price":"{changed}","change_percent":"{percent}",'
        f'"v":"{ticker.base_volume}","q":"{ticker.quote_volume}",{ending}'
    )


def _fitting(name: str, value: Decimal | str) -> str:
    """`value` in plain notation. Raises MalformedMessageError for what is no number, or none that fits."""
    try:
        number = parse_foreign_decimal(value) if isinstance(value, str) else value
    except ValueError as error:
        raise MalformedMessageError(f"`{name}` is no number") from error
    if not number.is_finite() or number.adjusted() >= INTEGER_DIGITS:
        raise MalformedMessageError(f"`{name}` does not fit Decimal(38, 18)")
    return format(number, "f") if number.adjusted() >= -DECIMAL_PLACES else "0"


def _from_lenient(read: _Lenient) -> KafkaMsg:
    texts = {name: _fitting(name, getattr(read, name)) for name in ("c", "o", "h", "l", "v", "q")}
    changed, percent = changes(texts["c"], texts["o"])
    if read.change_price is not None:
        changed = _fitting("change_price", read.change_price)
        percent = plain(change_percent(Decimal(changed), Decimal(texts["o"])))
    if read.change_percent is not None:
        percent = _fitting("change_percent", read.change_percent)
    return KafkaMsg(
        message_id=read.message_id or f"{read.s}:{read.E}",
        e=read.e,
        E=read.E,
        receive_time=read.E if read.receive_time is None else read.receive_time,
        s=read.s,
        change_price=changed,
        change_percent=percent,
        src=read.src,
        **texts,
    )
