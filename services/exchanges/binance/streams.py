"""Binance's streams: control messages, and frames of a combined stream.

Protocol: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams. Two facts are not on that page:
a control message above 4,096 bytes on the wire is never answered (binance/binance-connector-rust issue 27), and
`serverShutdown` has been documented both bare and under `event`.
"""

import re
from collections.abc import Sequence

import msgspec

from services.exchanges.binance.payloads import MALFORMED, Announcement, Envelope, Refusal, TickerHead, TradeHead
from services.exchanges.binance.rows import decode_rows, rows_at
from services.exchanges.clock import MAX_OFFSET_MS, is_time
from services.exchanges.errors import MalformedFrameError, UnknownFrameError
from services.exchanges.exchange import Ack, Event, Rejected, ServerShutdown, TickerFrame, TradeFrame

_TICKERS = "!miniTicker@arr"
_TRADES_SUFFIX = "@aggTrade"


def stream_url(base_url: str) -> str:
    return f"{base_url.rstrip('/')}/stream?streams={_TICKERS}"


def subscribe(message_id: int, symbols: Sequence[str]) -> bytes:
    return _control("SUBSCRIBE", message_id, symbols)


def unsubscribe(message_id: int, symbols: Sequence[str]) -> bytes:
    return _control("UNSUBSCRIBE", message_id, symbols)


def stream_bytes(symbol: str) -> int:
    return len(symbol.encode()) + len(_TRADES_SUFFIX) + len('"",')


def parse(frame: bytes) -> Event:
    try:
        envelope = _envelope.decode(frame)
        if envelope.stream is None:
            return _answer(envelope)
        return _event(envelope.stream, envelope.data)
    except msgspec.ValidationError as error:
        raise MalformedFrameError(str(error)) from error
    except MALFORMED as error:
        return _salvaged(frame, error)


def _control(method: str, message_id: int, symbols: Sequence[str]) -> bytes:
    params = [f"{symbol}{_TRADES_SUFFIX}" for symbol in symbols]
    return msgspec.json.encode({"method": method, "params": params, "id": message_id})


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
    except MALFORMED as error:
        raise MalformedFrameError(f"{symbol[:50]}: {error}", "trade") from error
    if trade.s.lower() != symbol:
        raise MalformedFrameError(f"{symbol[:50]}: a trade of {trade.s[:50]}", "trade")
    if not (is_time(trade.T) and is_time(trade.E)) or abs(trade.E - trade.T) > MAX_OFFSET_MS:
        raise MalformedFrameError(f"{symbol[:50]}: made at {trade.T} ms, sent at {trade.E} ms", "trade", "time")
    return TradeFrame(symbol, trade.a, trade.T, bytes(data))


def _tickers(data: msgspec.Raw) -> TickerFrame:
    """The frame as it came if all of its entries can be used, else an array of those that can."""
    try:
        times_ms = {ticker.s: ticker.E for ticker in _mini_tickers.decode(data)}
    except MALFORMED:
        return _tickers_one_by_one(data)
    if all(map(is_time, times_ms.values())):
        return TickerFrame(times_ms, bytes(data))
    return _tickers_one_by_one(data)


def _salvaged(frame: bytes, error: Exception) -> TickerFrame:
    """The tickers of a frame that is no JSON because of one of them. Raises MalformedFrameError."""
    beginning = _TICKER_FRAME.match(frame)
    if beginning is None:
        raise MalformedFrameError(str(error)) from error
    try:
        entries, end = rows_at(frame, beginning.end())
    except MALFORMED as cut:
        raise MalformedFrameError(str(cut), "ticker") from cut
    if frame[end:].strip() != b"}":
        raise MalformedFrameError(str(error), "ticker") from error
    return _usable(entries, bytes(frame[beginning.end() : end]))


def _tickers_one_by_one(data: msgspec.Raw) -> TickerFrame:
    try:
        entries = decode_rows(data)
    except MALFORMED as error:
        raise MalformedFrameError(str(error), "ticker") from error
    return _usable(entries, bytes(data))


def _usable(entries: Sequence[bytes | msgspec.Raw], data: bytes) -> TickerFrame:
    """Those of the entries of the array `data` that can be used."""
    times_ms: dict[str, int] = {}
    usable: list[bytes] = []
    rejected: list[tuple[str, str]] = []
    for entry in entries:
        try:
            ticker = _mini_ticker.decode(entry)
        except MALFORMED as error:
            rejected.append(("malformed", f"{bytes(entry)[:80].decode(errors='replace')}: {error}"))
            continue
        if is_time(ticker.E):
            times_ms[ticker.s] = ticker.E
            usable.append(bytes(entry))
        else:
            rejected.append(("time", f"{ticker.s[:50]}: an event time of {ticker.E} ms"))
    if not rejected:
        return TickerFrame(times_ms, data)
    reason, example = rejected[0]
    return TickerFrame(times_ms, b"[" + b",".join(usable) + b"]", Rejected("ticker", reason, example, len(rejected)))


def _answer(envelope: Envelope) -> Event:
    if envelope.error is not None:
        return Ack(_message_id(envelope), _reason(envelope.error))
    if envelope.code is not None:
        return Ack(_message_id(envelope), f"{envelope.code} {envelope.msg}")
    if envelope.result is not msgspec.UNSET:
        return Ack(_message_id(envelope), None)
    if "serverShutdown" in (envelope.e, envelope.event.e if envelope.event else ""):
        return ServerShutdown()
    raise UnknownFrameError(envelope.e or "no event")


def _message_id(envelope: Envelope) -> int | None:
    """Ours are numbers, whichever way they come back."""
    text = str(envelope.id)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _reason(error: Refusal | str) -> str:
    return error if isinstance(error, str) else f"{error.code} {error.msg}"


_MOST_DIGITS = 18
_TICKER_FRAME = re.compile(rb'\s*\{\s*"stream"\s*:\s*"!miniTicker@arr"\s*,\s*"data"\s*:\s*(?=\[)')
_envelope = msgspec.json.Decoder(Envelope)
_agg_trade = msgspec.json.Decoder(TradeHead)
_mini_tickers = msgspec.json.Decoder(list[TickerHead])
_mini_ticker = msgspec.json.Decoder(TickerHead)
_announcement = msgspec.json.Decoder(Announcement)
