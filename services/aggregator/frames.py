"""What the exchange's frames say: decoding, and the refusal of what cannot be true. No I/O.

Prices stay the decimal text that the exchange wrote: exact, cheap, and converted only where they leave.
Field names: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, field

from services.aggregator.symbols import normal_symbol

MAX_AHEAD_MS = 60_000
"""An event this far ahead of our clock is refused: it would shadow every true price until then."""

# 20 digits before the point and 18 after it hold every quoted price; no sign, no exponent, no leading zero.
_PLAIN = r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,18})?"
_DECIMAL = re.compile(_PLAIN)
_FIVE_DECIMALS = re.compile(" ".join([_PLAIN] * 5))

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
EventMs = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """One aggregate trade: event time in ms, the exchange's symbol, the contiguous id, the price as text."""

    event_ms: EventMs = field(name="E")
    symbol: str = field(name="s")
    trade_id: Id = field(name="a")
    price: str = field(name="p")


class MiniTicker(msgspec.Struct, frozen=True, gc=False):
    """A symbol's last price and rolling 24 h figures at `event_ms`; every decimal is the exchange's own text."""

    event_ms: EventMs = field(name="E")
    symbol: str = field(name="s")
    close: str = field(name="c")
    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    base_volume: str = field(name="v")
    quote_volume: str = field(name="q")


Entry = TypeVar("Entry")


class Decoded(NamedTuple, Generic[Entry]):
    """What was accepted, in the order of arrival, and how many entries were refused, by reason.

    Reasons: `malformed` (not the JSON we know, not a symbol, not plain decimal text), `price` (not above zero),
    `future` (more than `MAX_AHEAD_MS` ahead of our clock).
    """

    accepted: list[Entry]
    refused: Counter[str]


def is_decimal(text: str) -> bool:
    """Whether `text` is a plain, unsigned decimal that is also a JSON number."""
    return _DECIMAL.fullmatch(text) is not None


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
    if _DECIMAL.fullmatch(price.removeprefix("-")) is None or normal_symbol(symbol) is None:
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
