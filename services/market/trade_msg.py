"""TradeMsg, an aggregate trade in the analytic contour: encoding, and decoding.

    {"e":"aggTrade","E":1767225600123,"s":"BTCUSDT","a":26129,"p":"68123.45","q":"0.01","f":100,"l":105,
     "T":1767225600121,"m":true,"M":true,"receive_time":1767225600187,"src":"binance"}

The exchange's own payload, byte for byte, with two keys more. Unknown keys are ignored.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from services.market.decimals import is_plain_decimal
from services.market.events import TradeId
from services.market.kafka_msg import MALFORMED, MalformedMessageError, Moment, Name, Number
from services.market.names import DEFAULT_SOURCE

DECIMALS = ("p", "q")

FillId = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Of a single trade. The exchange writes -1 where an old aggregate has none."""


class TradeMsg(msgspec.Struct, gc=False):
    """One aggregate trade. The names are the exchange's; decimals are text."""

    e: Literal["aggTrade"]
    E: Moment
    s: Name
    a: TradeId
    p: Number
    q: Number
    f: FillId
    l: FillId  # noqa: E741 - the exchange's name
    T: Moment
    m: bool
    receive_time: Moment
    src: Name = DEFAULT_SOURCE


decode_own = msgspec.json.Decoder(TradeMsg).decode
"""A message as `ending` completes it; its decimals are not looked at. Raises one of `kafka_msg.MALFORMED`."""


def ending(source: str, receive_ms: int) -> bytes:
    """What takes the place of the last brace of a payload of `source` that arrived at `receive_ms`."""
    return b',"receive_time":%d,"src":%b}' % (receive_ms, msgspec.json.encode(source))


def decode(value: bytes) -> TradeMsg:
    """One message. Raises MalformedMessageError with the reason."""
    try:
        message = decode_own(value)
    except MALFORMED as error:
        raise MalformedMessageError(str(error)) from error
    for name in DECIMALS:
        if not is_plain_decimal(getattr(message, name)):
            raise MalformedMessageError(f"`{name}` is no number that fits Decimal(38, 18)")
    return message
