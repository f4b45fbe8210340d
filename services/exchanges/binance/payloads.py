"""Binance's payloads: their shapes, and what is read of them. Decimals stay the text they are.

Field names: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from services.exchanges.binance.rows import decode_rows
from services.market.events import AggTrade, MiniTicker, TradeId

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Row = TypeVar("Row")


class Refusal(msgspec.Struct, gc=False):
    code: int | str | None = 0
    msg: str | None = ""


class Announcement(msgspec.Struct, gc=False):
    e: str = ""


class Envelope(msgspec.Struct, gc=False):
    """Every message of a combined stream: an event, an answer to a control message, or an announcement."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Refusal | str | None = None
    code: int | str | None = None
    msg: str | None = ""
    e: str = ""
    event: Announcement | None = None


class TradeHead(msgspec.Struct, gc=False, tag_field="e", tag="aggTrade"):
    s: str
    a: TradeId
    T: int
    E: int


class TickerHead(msgspec.Struct, gc=False, tag_field="e", tag="24hrMiniTicker"):
    s: str
    E: int


class PastTrade(msgspec.Struct, gc=False):
    """A row of REST `aggTrades`. Decimals stay the text they are."""

    a: TradeId
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the exchange's name
    T: int
    m: bool
    M: bool


class StreamTrade(msgspec.Struct, gc=False, tag_field="e", tag="aggTrade"):
    """A trade as the stream sends it, in the stream's order of keys."""

    E: int
    s: str
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the exchange's name
    T: int
    m: bool
    M: bool


class Pair(msgspec.Struct, gc=False, rename="camel"):
    """A listed pair. What is of another type than text is none: without its symbol it would pass for a
    delisted one."""

    symbol: str
    status: object = ""
    base_asset: object = ""
    quote_asset: object = ""


class ExchangeInfo(msgspec.Struct, gc=False):
    symbols: list[msgspec.Raw]


class ServerTime(msgspec.Struct, gc=False, rename="camel"):
    server_time: int


def decode_tickers(frame: bytes, reject: Callable[[bytes, str], None]) -> list[MiniTicker]:
    """The entries of a mini-ticker frame. `reject` gets each that cannot be read, or the frame if it is no array."""
    try:
        return _tickers.decode(frame)
    except MALFORMED:
        pass
    try:
        raws = decode_rows(frame)
    except MALFORMED as error:
        reject(frame, str(error))
        return []
    return list(readable(_ticker, raws, reject))


def readable(
    decoder: "msgspec.json.Decoder[Row]", rows: Iterable[bytes | msgspec.Raw], reject: Callable[[bytes, str], None]
) -> Iterator[Row]:
    """The rows that can be read; `reject` gets each of the others, and why."""
    for row in rows:
        try:
            yield decoder.decode(row)
        except MALFORMED as error:
            reject(bytes(row), str(error))


decode_trade = msgspec.json.Decoder(AggTrade).decode
_ticker = msgspec.json.Decoder(MiniTicker)
_tickers = msgspec.json.Decoder(list[MiniTicker])
