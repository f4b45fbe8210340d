"""Binance's REST interface: requests for market data, and the parsing of answers.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from services.exchanges.binance.payloads import (
    MALFORMED,
    ExchangeInfo,
    Pair,
    PastTrade,
    Refusal,
    Row,
    ServerTime,
    StreamTrade,
    readable,
)
from services.exchanges.binance.rows import decode_rows, rows_at
from services.exchanges.clock import is_time
from services.exchanges.errors import RestError
from services.exchanges.exchange import RestRequest, SymbolInfo, TradeFrame
from services.market.events import Kline
from services.market.symbols import MAX_SYMBOL_LENGTH, normal_symbol

log = structlog.get_logger()

_UNKNOWN_SYMBOL = "-1121"
_MOST_DIGITS = 9


def symbols_request() -> RestRequest:
    # Permission sets are nine tenths of the answer, and nothing to us.
    return RestRequest("/api/v3/exchangeInfo", {"showPermissionSets": "false"}, weight=20)


def parse_symbols(body: bytes) -> list[SymbolInfo]:
    """A pair of which only the symbol can be read is listed without the rest, and one without that is left out.

    Raises `RestError` when nothing is listed.
    """
    try:
        rows = _listed_rows(body)
    except MALFORMED as error:
        raise RestError(f"exchangeInfo is malformed: {error}") from error
    pairs = [pair for pair in _each(_pair, rows, "exchangeInfo") if normal_symbol(pair.symbol)]
    if not pairs:
        raise RestError("exchangeInfo lists nothing")
    listed: dict[str, SymbolInfo] = {}
    for info in map(_listed, pairs):  # of two rows of a symbol, the first whole one
        known = listed.get(info.symbol)
        if known is None or (info.base and not known.base):
            listed[info.symbol] = info
    return list(listed.values())


def trades_request(symbol: str, first_id: int, count: int) -> RestRequest:
    params = {"symbol": symbol.upper(), "fromId": str(first_id), "limit": str(count)}
    return RestRequest("/api/v3/aggTrades", params, weight=4)


def parse_trades(symbol: str, body: bytes) -> list[TradeFrame]:
    """Rows that cannot be read are left out. Raises `RestError` for what is no array."""
    try:
        raws = decode_rows(body)
    except MALFORMED as error:
        raise RestError(f"aggTrades is malformed: {error}") from error
    rows = [row for row in _each(_past_trade, raws, "aggTrades") if is_time(row.T)]
    rows.sort(key=lambda row: row.a)
    return [TradeFrame(symbol, row.a, row.T, _as_streamed(symbol, row)) for row in rows]


def time_request() -> RestRequest:
    return RestRequest("/api/v3/time", {}, weight=1)


def parse_time(body: bytes) -> int:
    try:
        return _time.decode(body).server_time
    except MALFORMED as error:
        raise RestError(f"the exchange's time is malformed: {error}") from error


def klines_request(symbol: str, interval: str, start_ms: int, count: int) -> RestRequest:
    params = {"symbol": symbol, "interval": interval, "startTime": str(start_ms), "limit": str(count)}
    return RestRequest("/api/v3/klines", params, weight=2)


def parse_klines(body: bytes, reject: Callable[[bytes, str], None]) -> list[Kline]:
    try:
        return _klines.decode(body)
    except MALFORMED:
        pass  # it may be one row of them
    try:
        rows = decode_rows(body)
    except MALFORMED as error:
        raise RestError(f"the exchange's klines are malformed: {error}") from error
    return list(readable(_kline, rows, reject))


def refusal(body: bytes) -> str:
    """The exchange's own words for why it refuses a request; empty if there are none."""
    return _refusal_in(body).msg or ""


def is_unknown_symbol(body: bytes) -> bool:
    """Whether a request is refused because the exchange does not know its symbol."""
    return str(_refusal_in(body).code) == _UNKNOWN_SYMBOL


def used_weight(headers: Mapping[str, str]) -> int:
    """What this address has used in this minute, as the exchange counts it; 0 if the answer does not hold it."""
    text = headers.get("X-MBX-USED-WEIGHT-1M", "")
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def _listed_rows(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """Raises one of `MALFORMED`."""
    try:
        return _exchange_info.decode(body).symbols
    except msgspec.ValidationError:
        raise
    except MALFORMED:
        found = _SYMBOLS.search(body)
        if found is None:
            raise
        return rows_at(body, found.end() - 1)[0]


def _listed(pair: Pair) -> SymbolInfo:
    base, quote = _text(pair.base_asset), _text(pair.quote_asset)
    if not (_is_asset(base) and _is_asset(quote)) or base == quote:
        base = quote = ""
    status = _text(pair.status)
    return SymbolInfo(pair.symbol.lower(), base, quote, status if _is_word(status) else "")


def _is_asset(name: str) -> bool:
    """Whether `name` can be an asset's. In another case it would pass for a second asset of the same name."""
    return normal_symbol(name) is not None and name == name.upper()


def _is_word(status: str) -> bool:
    return len(status) <= MAX_SYMBOL_LENGTH and status.isprintable()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _refusal_in(body: bytes) -> Refusal:
    try:
        return _refusal.decode(body)
    except MALFORMED:
        return Refusal()


def _each(decoder: "msgspec.json.Decoder[Row]", rows: Sequence[bytes | msgspec.Raw], what: str) -> list[Row]:
    """The rows that can be read; how many could not is logged, with one of them."""
    unreadable: list[str] = []

    def reject(row: bytes, reason: str) -> None:
        unreadable.append(f"{row[:80].decode(errors='replace')}: {reason}")

    found = list(readable(decoder, rows, reject))
    if unreadable:
        log.warning("rest.rows_left_out", answer=what, rows=len(unreadable), example=unreadable[0])
    return found


def _as_streamed(symbol: str, row: PastTrade) -> bytes:
    """The row as its stream would have sent it. REST does not name the event time: the trade's own stands in."""
    trade = StreamTrade(
        E=row.T, s=symbol.upper(), a=row.a, p=row.p, q=row.q, f=row.f, l=row.l, T=row.T, m=row.m, M=row.M
    )
    return msgspec.json.encode(trade)


_SYMBOLS = re.compile(rb'"symbols"\s*:\s*\[')
_past_trade = msgspec.json.Decoder(PastTrade)
_pair = msgspec.json.Decoder(Pair)
_exchange_info = msgspec.json.Decoder(ExchangeInfo)
_kline = msgspec.json.Decoder(Kline)
_klines = msgspec.json.Decoder(list[Kline])
_time = msgspec.json.Decoder(ServerTime)
_refusal = msgspec.json.Decoder(Refusal)
