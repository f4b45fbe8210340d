"""What the exchange's frames say: decoding, and the refusal of what cannot be true. No I/O.

Prices stay the decimal text that the exchange wrote: exact, cheap, and converted only where they leave.
Field names: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from services.market.decimals import PLAIN_DECIMAL, is_plain_decimal
from services.market.events import AggTrade, MiniTicker
from services.market.symbols import normal_symbol

MAX_AHEAD_MS = 60_000
"""An event this far ahead of our clock is refused: it would shadow every true price until then."""

_FIVE_DECIMALS = re.compile(" ".join([PLAIN_DECIMAL] * 5))

Entry = TypeVar("Entry")


class Decoded(NamedTuple, Generic[Entry]):
    """What was accepted, in the order of arrival, and how many entries were refused, by reason.

    Reasons: `malformed` (not the JSON we know, not a symbol, not plain decimal text), `price` (not above zero),
    `future` (more than `MAX_AHEAD_MS` ahead of our clock).
    """

    accepted: list[Entry]
    refused: Counter[str]


def decode_trades(frames: Iterable[bytes], now_ms: int) -> Decoded[AggTrade]:
    """aggTrade frames, one object each. A bad frame costs only itself."""
    refused: Counter[str] = Counter()
    accepted: list[AggTrade] = []
    horizon_ms = now_ms + MAX_AHEAD_MS
    for frame in frames:
        try:
            trade = _trade_decoder.decode(frame)
        except (ValueError, RecursionError):
            refused["malformed"] += 1
            continue
        if reason := _problem(trade.symbol, trade.price, trade.event_ms, horizon_ms):
            refused[reason] += 1
        else:
            accepted.append(trade)
    return Decoded(accepted, refused)


def decode_mini_tickers(frames: Iterable[bytes], now_ms: int) -> Decoded[MiniTicker]:
    """miniTicker frames, an array each. A bad entry costs only itself; what is no array counts as one."""
    refused: Counter[str] = Counter()
    accepted: list[MiniTicker] = []
    horizon_ms = now_ms + MAX_AHEAD_MS
    for frame in frames:
        for ticker in _entries(frame, refused):
            if reason := _problem(ticker.symbol, ticker.close, ticker.event_ms, horizon_ms) or _figures_problem(ticker):
                refused[reason] += 1
            else:
                accepted.append(ticker)
    return Decoded(accepted, refused)


def _entries(frame: bytes, refused: Counter[str]) -> list[MiniTicker]:
    try:
        return _tickers_decoder.decode(frame)
    except (ValueError, RecursionError):
        return _entries_one_by_one(frame, refused)


def _entries_one_by_one(frame: bytes, refused: Counter[str]) -> list[MiniTicker]:
    entries: list[MiniTicker] = []
    try:
        raws = _raws_decoder.decode(frame)
    except (ValueError, RecursionError):
        refused["malformed"] += 1
        return entries
    for raw in raws:
        try:
            entries.append(_ticker_decoder.decode(raw))
        except (ValueError, RecursionError):
            refused["malformed"] += 1
    return entries


def _problem(symbol: str, price: str, event_ms: int, horizon_ms: int) -> str | None:
    if event_ms > horizon_ms:
        return "future"
    if not is_plain_decimal(price.removeprefix("-")) or normal_symbol(symbol) is None:
        return "malformed"
    if price[0] == "-" or not price.strip("0."):
        return "price"
    return None


def _figures_problem(ticker: MiniTicker) -> str | None:
    figures = f"{ticker.open} {ticker.high} {ticker.low} {ticker.base_volume} {ticker.quote_volume}"
    return None if _FIVE_DECIMALS.fullmatch(figures) else "malformed"


_trade_decoder = msgspec.json.Decoder(AggTrade)
_ticker_decoder = msgspec.json.Decoder(MiniTicker)
_tickers_decoder = msgspec.json.Decoder(list[MiniTicker])
_raws_decoder = msgspec.json.Decoder(list[msgspec.Raw])
