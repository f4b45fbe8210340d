"""The bytes that leave: SecondStat for the channel, and its longer form for the price cache. No I/O.

    {"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance"}
    {"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance","o":68000,"h":68999,"l":67000.5,"v":9,"q":612345.6}

Decimals go from the exchange's text to the JSON number without passing through a float; zeros at the end go.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from services.aggregator.frames import MAX_AHEAD_MS, MiniTicker, is_decimal
from services.aggregator.prices import MAX_SYMBOLS, Quote, Tick
from services.aggregator.symbols import normal_symbol


class LastPrice(msgspec.Struct, frozen=True):
    """The cache's value: SecondStat (s, p, t, src), and the 24 h figures where they are known."""

    symbol: str = field(name="s")
    price: Raw = field(name="p")
    event_ms: int = field(name="t")
    source: str = field(name="src", default="binance")
    open: Raw | UnsetType = field(name="o", default=UNSET)
    high: Raw | UnsetType = field(name="h", default=UNSET)
    low: Raw | UnsetType = field(name="l", default=UNSET)
    base_volume: Raw | UnsetType = field(name="v", default=UNSET)
    quote_volume: Raw | UnsetType = field(name="q", default=UNSET)


def plain_number(text: str) -> str:
    """A plain decimal as the shortest JSON number of the same value: "68123.45000000" → "68123.45"."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def second_stat(quote: Quote, source: str) -> bytes:
    """The message for the symbol's channel."""
    return f"{_beginning(quote, source)}}}".encode()


def last_price(quote: Quote, source: str) -> bytes:
    """The value for the price cache."""
    return f"{_beginning(quote, source)}{_figures(quote.day) if quote.day else ''}}}".encode()


def read_last_prices(values: Iterable[bytes], source: str, now_ms: int) -> list[Quote]:
    """The cache's values of `source` as quotes again; what cannot be one of ours is left out."""
    return [quote for value in values if (quote := _read(value, source, now_ms)) is not None]


def _read(value: bytes, source: str, now_ms: int) -> Quote | None:
    try:
        last = _decoder.decode(value)
    except (ValueError, RecursionError):
        return None
    price = bytes(last.price).decode(errors="replace")
    if last.source != source or not is_decimal(price) or normal_symbol(last.symbol) != last.symbol:
        return None
    if last.event_ms > now_ms + MAX_AHEAD_MS:
        return None
    return Quote(last.symbol, Tick(last.event_ms, _RESTORED_ID, price), _day(last, price))


def _day(last: LastPrice, price: str) -> MiniTicker | None:
    raws = (last.open, last.high, last.low, last.base_volume, last.quote_volume)
    figures = [bytes(raw).decode(errors="replace") for raw in raws if isinstance(raw, Raw)]
    if len(figures) != len(raws) or not all(map(is_decimal, figures)):
        return None
    return MiniTicker(last.event_ms, last.symbol, price, *figures)


# Formatting costs a third of encoding a struct; only text that comes from outside goes through the JSON encoder.
def _beginning(quote: Quote, source: str) -> str:
    tick = quote.tick
    price = plain_number(tick.price)
    return f'{{"s":{_quoted(quote.symbol)},"p":{price},"t":{tick.event_ms},"src":{_quoted(source)}'


def _figures(day: MiniTicker) -> str:
    opened, high, low = plain_number(day.open), plain_number(day.high), plain_number(day.low)
    base, quote = plain_number(day.base_volume), plain_number(day.quote_volume)
    return f',"o":{opened},"h":{high},"l":{low},"v":{base},"q":{quote}'


@lru_cache(maxsize=MAX_SYMBOLS)
def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


_RESTORED_ID: Final = -1
_decoder: Final = msgspec.json.Decoder(LastPrice)
