"""SecondStat, the message of a symbol's channel, and LastPrice, its longer form in the price cache.

    {"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance"}
    {"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance","o":68000,"h":68999,"l":67000.5,"v":9,"q":612345.6}

Decimals go from the exchange's text to the JSON number, and back to a Decimal, without passing through a float.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType, field

from services.market.decimals import is_reasonable, parse_decimal, shortest
from services.market.events import MiniTicker
from services.market.names import DEFAULT_SOURCE

MAX_SOURCE_LENGTH = 32


class MalformedPriceError(ValueError):
    """A message that is no SecondStat."""


LATEST_MS = 4_102_444_800_000
"""The year 2100: a later time is none in ms."""


class SecondStat(msgspec.Struct, frozen=True, gc=False):
    """A symbol's price at `event_ms`. The symbol may be absent: the channel, or the cache's field, names it too.

    A message of the Go original has no time and no source. Its time is that of its arrival, its source the default.
    """

    price: Decimal = field(name="p")
    event_ms: Annotated[int, Meta(ge=0, lt=LATEST_MS)] = field(name="t", default=0)
    symbol: str = field(name="s", default="")
    source: Annotated[str, Meta(min_length=1, max_length=MAX_SOURCE_LENGTH)] = field(name="src", default=DEFAULT_SOURCE)


class LastPrice(SecondStat, frozen=True, gc=False):
    """A SecondStat with the rolling 24 h figures, each as it was written: one that is odd costs no other."""

    open: Raw | UnsetType = field(name="o", default=UNSET)
    high: Raw | UnsetType = field(name="h", default=UNSET)
    low: Raw | UnsetType = field(name="l", default=UNSET)
    base_volume: Raw | UnsetType = field(name="v", default=UNSET)
    quote_volume: Raw | UnsetType = field(name="q", default=UNSET)


S = TypeVar("S", bound=SecondStat)


def encode_second_stat(symbol: str, price: str, event_ms: int, source: str) -> bytes:
    """The message for the symbol's channel. `price` is plain decimal text."""
    return f"{_beginning(symbol, price, event_ms, source)}}}".encode()


def encode_last_price(symbol: str, price: str, event_ms: int, source: str, day: MiniTicker | None) -> bytes:
    """The value for the price cache; `day` has the figures if they are known."""
    return f"{_beginning(symbol, price, event_ms, source)}{_figures(day) if day else ''}}}".encode()


def decode_second_stat(message: bytes | str, arrived_ms: int) -> SecondStat:
    """Raises MalformedPriceError, also for a price that is negative, not finite or absurdly long."""
    return _checked(message, _second_stat, arrived_ms)


def decode_last_price(value: bytes | str, arrived_ms: int) -> LastPrice:
    """Raises MalformedPriceError, as `decode_second_stat` does."""
    return _checked(value, _last_price, arrived_ms)


def figure(raw: Raw | UnsetType) -> Decimal | None:
    """A figure of a LastPrice; None if it is absent or cannot be one."""
    try:
        number = parse_decimal(bytes(raw).decode()) if isinstance(raw, Raw) else None
    except ValueError:
        return None
    return number if number is not None and is_reasonable(number) else None


def _checked(text: bytes | str, decoder: msgspec.json.Decoder[S], arrived_ms: int) -> S:
    try:
        stat = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedPriceError("not a SecondStat") from error
    if not is_reasonable(stat.price):
        raise MalformedPriceError("the price is not a number of reasonable size")
    return stat if stat.event_ms else msgspec.structs.replace(stat, event_ms=arrived_ms)


# Formatting costs a third of encoding a struct; only text that comes from outside goes through the JSON encoder.
def _beginning(symbol: str, price: str, event_ms: int, source: str) -> str:
    return f'{{"s":{_quoted(symbol)},"p":{shortest(price)},"t":{event_ms},"src":{_quoted(source)}'


def _figures(day: MiniTicker) -> str:
    opened, high, low = shortest(day.open), shortest(day.high), shortest(day.low)
    base, quote = shortest(day.base_volume), shortest(day.quote_volume)
    return f',"o":{opened},"h":{high},"l":{low},"v":{base},"q":{quote}'


@lru_cache(maxsize=20_000)
def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


_second_stat = msgspec.json.Decoder(SecondStat)
_last_price = msgspec.json.Decoder(LastPrice)
