"""The bytes that leave: SecondStat for the channel, and its longer form for the price cache. No I/O.

Decimals go from the exchange's text to the JSON number without passing through a float; zeros at the end go.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from services.aggregator.frames import MiniTicker, is_decimal
from services.aggregator.prices import Quote, Tick
from services.aggregator.symbols import normal_symbol


class SecondStat(msgspec.Struct, frozen=True):
    """`{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance"}`; `t` is the event time in ms."""

    symbol: str = field(name="s")
    price: Raw = field(name="p")
    event_ms: int = field(name="t")
    source: str = field(name="src", default="binance")


class LastPrice(SecondStat, frozen=True, omit_defaults=False):
    """SecondStat and the 24 h open, high, low, base and quote volume where they are known."""

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
    return _encode(SecondStat(quote.symbol, _raw(quote.tick.price), quote.tick.event_ms, source))


def last_price(quote: Quote, source: str) -> bytes:
    """The value for the price cache."""
    figures = _figures(quote.day) if quote.day else ()
    return _encode(LastPrice(quote.symbol, _raw(quote.tick.price), quote.tick.event_ms, source, *figures))


def read_last_prices(values: Mapping[bytes, bytes], source: str) -> list[Quote]:
    """The cache's values of `source` as quotes again; what is not one of ours is left out."""
    return [quote for value in values.values() if (quote := _read(value, source)) is not None]


def _read(value: bytes, source: str) -> Quote | None:
    try:
        last = _decoder.decode(value)
    except (ValueError, RecursionError):
        return None
    price = bytes(last.price).decode()
    if last.source != source or not is_decimal(price) or normal_symbol(last.symbol) != last.symbol:
        return None
    return Quote(last.symbol, Tick(last.event_ms, _RESTORED_ID, price), _day(last, price))


def _day(last: LastPrice, price: str) -> MiniTicker | None:
    raws = (last.open, last.high, last.low, last.base_volume, last.quote_volume)
    figures = [bytes(raw).decode() for raw in raws if isinstance(raw, Raw)]
    if len(figures) != len(raws) or not all(map(is_decimal, figures)):
        return None
    return MiniTicker(last.event_ms, last.symbol, price, *figures)


def _figures(day: MiniTicker) -> tuple[Raw, ...]:
    return tuple(map(_raw, (day.open, day.high, day.low, day.base_volume, day.quote_volume)))


def _raw(text: str) -> Raw:
    return Raw(plain_number(text).encode())


_RESTORED_ID: Final = -1
_encode: Final = msgspec.json.Encoder().encode
_decoder: Final = msgspec.json.Decoder(LastPrice)
