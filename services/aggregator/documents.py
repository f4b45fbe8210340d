"""Quotes as the documents that leave, and the price cache's documents as quotes again. No I/O."""

from collections.abc import Iterable

from services.aggregator.prices import Quote, Tick
from services.exchanges.clock import MAX_OFFSET_MS
from services.market.decimals import is_plain_decimal, plain
from services.market.events import MiniTicker
from services.market.second_stat import (
    LastPrice,
    MalformedPriceError,
    decode_last_price,
    encode_last_price,
    encode_second_stat,
    figure,
)
from services.market.symbols import normal_symbol

_RESTORED_ID = -1


def second_stat(quote: Quote, source: str) -> bytes:
    """The message for the symbol's channel."""
    return encode_second_stat(quote.symbol, quote.tick.price, quote.tick.event_ms, source)


def last_price(quote: Quote, source: str) -> bytes:
    """The value for the price cache."""
    return encode_last_price(quote.symbol, quote.tick.price, quote.tick.event_ms, source, quote.day)


def read_last_prices(values: Iterable[bytes], source: str, now_ms: int) -> list[Quote]:
    """The cache's values of `source` as quotes again; what cannot be one of ours is left out."""
    return [quote for value in values if (quote := _read(value, source, now_ms)) is not None]


def _read(value: bytes, source: str, now_ms: int) -> Quote | None:
    try:
        last = decode_last_price(value, now_ms)
    except MalformedPriceError:
        return None
    price = plain(last.price)
    if last.source != source or not is_plain_decimal(price) or normal_symbol(last.symbol) != last.symbol:
        return None
    if not 0 <= last.event_ms <= now_ms + MAX_OFFSET_MS:
        return None
    return Quote(last.symbol, Tick(last.event_ms, _RESTORED_ID, price), _day(last, price))


def _day(last: LastPrice, price: str) -> MiniTicker | None:
    raws = (last.open, last.high, last.low, last.base_volume, last.quote_volume)
    figures = [plain(number) for raw in raws if (number := figure(raw)) is not None]
    if len(figures) != len(raws) or not all(map(is_plain_decimal, figures)):
        return None
    return MiniTicker(last.event_ms, last.symbol, price, *figures)
