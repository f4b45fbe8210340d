"""Binance spot market data: streams, control messages, REST answers.

Protocol: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams. Two facts are not on that page:
a control message above 4,096 bytes on the wire is never answered (binance/binance-connector-rust issue 27), and
`serverShutdown` has been documented both bare and under `event`.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeVar

import msgspec
import structlog

from services.exchanges.clock import is_time
from services.exchanges.errors import InvalidSymbolError, MalformedFrameError, RestError, UnknownFrameError
from services.exchanges.exchange import (
    Ack,
    Event,
    Limits,
    Rejected,
    RestRequest,
    ServerShutdown,
    SymbolInfo,
    TickerFrame,
    TradeFrame,
)
from services.market.symbols import normal_symbol

log = structlog.get_logger()

_TICKERS = "!miniTicker@arr"
_TRADES_SUFFIX = "@aggTrade"


class _Error(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""


class _Announcement(msgspec.Struct, gc=False):
    e: str = ""


class _Envelope(msgspec.Struct, gc=False):
    """Every message of a combined stream: an event, an answer to a control message, or an announcement."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    id: int | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Error | None = None
    code: int | None = None
    msg: str = ""
    e: str = ""
    event: _Announcement | None = None


_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _AggTrade(msgspec.Struct, gc=False, tag_field="e", tag="aggTrade"):
    a: _Id
    T: int
    E: int


class _MiniTicker(msgspec.Struct, gc=False, tag_field="e", tag="24hrMiniTicker"):
    s: str
    E: int


class _PastTrade(msgspec.Struct, gc=False):
    """A row of REST `aggTrades`. Decimals stay the text they are."""

    a: _Id
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the exchange's name
    T: int
    m: bool
    M: bool


class _StreamTrade(msgspec.Struct, gc=False, tag_field="e", tag="aggTrade"):
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


class _Pair(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str


class _ExchangeInfo(msgspec.Struct, gc=False):
    symbols: list[msgspec.Raw]


_Row = TypeVar("_Row")

_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_envelope = msgspec.json.Decoder(_Envelope)
_agg_trade = msgspec.json.Decoder(_AggTrade)
_mini_tickers = msgspec.json.Decoder(list[_MiniTicker])
_mini_ticker = msgspec.json.Decoder(_MiniTicker)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_announcement = msgspec.json.Decoder(_Announcement)
_past_trade = msgspec.json.Decoder(_PastTrade)
_pair = msgspec.json.Decoder(_Pair)
_exchange_info = msgspec.json.Decoder(_ExchangeInfo)
_encoder = msgspec.json.Encoder()


class Binance:
    """Implements `Exchange`."""

    limits = Limits(
        # 5 a second, our pongs included: four control messages leave room for one.
        control_interval_s=0.3,
        control_max_bytes=4_000,
        # 300 per 5 minutes and address.
        connects=240,
        connects_period_s=300.0,
        connects_at_once=30,
        # 6,000 a minute and address.
        weight=3_000,
        weight_period_s=60.0,
        trades_per_page=1_000,
    )

    def normalize_symbol(self, text: str) -> str:
        symbol = normal_symbol(text)
        if symbol is None:
            raise InvalidSymbolError(f"{text[:50]!r} cannot be a symbol")
        return symbol

    def stream_url(self, base_url: str) -> str:
        return f"{base_url.rstrip('/')}/stream?streams={_TICKERS}"

    def subscribe(self, message_id: int, symbols: Sequence[str]) -> bytes:
        return _control("SUBSCRIBE", message_id, symbols)

    def unsubscribe(self, message_id: int, symbols: Sequence[str]) -> bytes:
        return _control("UNSUBSCRIBE", message_id, symbols)

    def stream_bytes(self, symbol: str) -> int:
        return len(symbol.encode()) + len(_TRADES_SUFFIX) + len('"",')

    def parse(self, frame: bytes) -> Event:
        try:
            envelope = _envelope.decode(frame)
            if envelope.stream is None:
                return _answer(envelope)
            return _event(envelope.stream, envelope.data)
        except _MALFORMED as error:
            raise MalformedFrameError(str(error)) from error

    def symbols_request(self) -> RestRequest:
        # Permission sets are nine tenths of the answer, and nothing to us.
        return RestRequest("/api/v3/exchangeInfo", {"showPermissionSets": "false"}, weight=20)

    def parse_symbols(self, body: bytes) -> list[SymbolInfo]:
        """Pairs that cannot be read are left out. Raises `RestError` when there are no others."""
        try:
            rows = _exchange_info.decode(body).symbols
        except _MALFORMED as error:
            raise RestError(f"exchangeInfo is malformed: {error}") from error
        pairs = [pair for pair in _each(_pair, rows, "exchangeInfo") if normal_symbol(pair.symbol)]
        if not pairs:
            raise RestError("exchangeInfo lists nothing")
        return [SymbolInfo(pair.symbol.lower(), pair.base_asset, pair.quote_asset, pair.status) for pair in pairs]

    def trades_request(self, symbol: str, first_id: int, count: int) -> RestRequest:
        params = {"symbol": symbol.upper(), "fromId": str(first_id), "limit": str(count)}
        return RestRequest("/api/v3/aggTrades", params, weight=4)

    def parse_trades(self, symbol: str, body: bytes) -> list[TradeFrame]:
        """Rows that cannot be read are left out. Raises `RestError` for what is no array."""
        try:
            raws = _raws.decode(body)
        except _MALFORMED as error:
            raise RestError(f"aggTrades is malformed: {error}") from error
        rows = [row for row in _each(_past_trade, raws, "aggTrades") if is_time(row.T)]
        rows.sort(key=lambda row: row.a)
        return [TradeFrame(symbol, row.a, row.T, _as_streamed(symbol, row)) for row in rows]


def _control(method: str, message_id: int, symbols: Sequence[str]) -> bytes:
    params = [f"{symbol}{_TRADES_SUFFIX}" for symbol in symbols]
    return _encoder.encode({"method": method, "params": params, "id": message_id})


def _event(stream: str, data: msgspec.Raw) -> Event:
    if stream.endswith(_TRADES_SUFFIX):
        return _trade(stream[: -len(_TRADES_SUFFIX)], data)
    if stream == _TICKERS:
        return _tickers(data)
    if _announcement.decode(data).e == "serverShutdown":
        return ServerShutdown()
    raise UnknownFrameError(stream)


def _trade(symbol: str, data: msgspec.Raw) -> TradeFrame:
    try:
        trade = _agg_trade.decode(data)
    except _MALFORMED as error:
        raise MalformedFrameError(f"{symbol[:50]}: {error}", "trade") from error
    if not (is_time(trade.T) and is_time(trade.E)):
        raise MalformedFrameError(f"{symbol[:50]}: a time of {trade.E} ms", "trade", "time")
    return TradeFrame(symbol, trade.a, trade.T, bytes(data))


def _tickers(data: msgspec.Raw) -> TickerFrame:
    """The frame as it came if all of its entries can be used, else an array of those that can."""
    try:
        times_ms = {ticker.s: ticker.E for ticker in _mini_tickers.decode(data)}
    except _MALFORMED:
        return _tickers_one_by_one(data)
    if all(map(is_time, times_ms.values())):
        return TickerFrame(times_ms, bytes(data))
    return _tickers_one_by_one(data)


def _tickers_one_by_one(data: msgspec.Raw) -> TickerFrame:
    try:
        entries = _raws.decode(data)
    except _MALFORMED as error:
        raise MalformedFrameError(str(error), "ticker") from error
    times_ms: dict[str, int] = {}
    usable: list[bytes] = []
    rejected: list[tuple[str, str]] = []
    for entry in entries:
        try:
            ticker = _mini_ticker.decode(entry)
        except _MALFORMED as error:
            rejected.append(("malformed", f"{bytes(entry)[:80].decode(errors='replace')}: {error}"))
            continue
        if is_time(ticker.E):
            times_ms[ticker.s] = ticker.E
            usable.append(bytes(entry))
        else:
            rejected.append(("time", f"{ticker.s[:50]}: an event time of {ticker.E} ms"))
    if not rejected:
        return TickerFrame(times_ms, bytes(data))
    reason, example = rejected[0]
    return TickerFrame(times_ms, b"[" + b",".join(usable) + b"]", Rejected("ticker", reason, example, len(rejected)))


def _each(decoder: "msgspec.json.Decoder[_Row]", rows: list[msgspec.Raw], what: str) -> Iterator[_Row]:
    """The rows that can be read; how many could not is logged, with one of them."""
    unreadable: list[str] = []
    for row in rows:
        try:
            yield decoder.decode(row)
        except _MALFORMED as error:
            unreadable.append(f"{bytes(row)[:80].decode(errors='replace')}: {error}")
    if unreadable:
        log.warning("rest.rows_left_out", answer=what, rows=len(unreadable), example=unreadable[0])


def _answer(envelope: _Envelope) -> Event:
    if envelope.error is not None:
        return Ack(envelope.id, f"{envelope.error.code} {envelope.error.msg}")
    if envelope.code is not None:
        return Ack(envelope.id, f"{envelope.code} {envelope.msg}")
    if envelope.result is not msgspec.UNSET:
        return Ack(envelope.id, None)
    if "serverShutdown" in (envelope.e, envelope.event.e if envelope.event else ""):
        return ServerShutdown()
    raise UnknownFrameError(envelope.e or "no event")


def _as_streamed(symbol: str, row: _PastTrade) -> bytes:
    """The row as its stream would have sent it. REST does not tell the event time: the trade's own time stands in."""
    trade = _StreamTrade(
        E=row.T, s=symbol.upper(), a=row.a, p=row.p, q=row.q, f=row.f, l=row.l, T=row.T, m=row.m, M=row.M
    )
    return _encoder.encode(trade)
