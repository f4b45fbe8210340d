"""Prices as they arrive: SecondStat decoded exactly, and the newest one of each symbol kept."""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Annotated, NamedTuple

import msgspec
from redis.asyncio import Redis

from services.profile.portfolio.rules import plain

LAST_PRICES = "market:last"
MAX_INTEGER_DIGITS = 20
MAX_DECIMAL_PLACES = 30
"""A price beyond these is no price; the bounds keep one bad message from making endless texts."""


class MalformedPriceError(ValueError):
    """A message that is no SecondStat."""


class Price(NamedTuple):
    """The last price of a symbol. Make it with `price_of`."""

    price: Decimal
    event_time_ms: int
    source: str
    text: str
    """The price in plain notation, as documents show it."""


class _SecondStat(msgspec.Struct):
    p: Decimal
    t: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
    src: Annotated[str, msgspec.Meta(min_length=1, max_length=32)] = "binance"


_decode = msgspec.json.Decoder(_SecondStat).decode


def price_of(price: Decimal, event_time_ms: int, source: str) -> Price:
    """A Price without trailing zeros. Raises MalformedPriceError for what is negative, not finite or absurdly long."""
    if not price.is_finite() or price.is_signed() or price.adjusted() >= MAX_INTEGER_DIGITS:
        raise MalformedPriceError("the price is not a number of reasonable size")
    if price.as_tuple().exponent < -MAX_DECIMAL_PLACES:  # type: ignore[operator] # finite: the exponent is an int
        raise MalformedPriceError("the price has too many decimal places")
    text = plain(price)
    return Price(Decimal(text), event_time_ms, source, text)


def decode_price(payload: bytes | str) -> Price:
    """The price in a SecondStat, from a channel or from `market:last`. Raises MalformedPriceError."""
    try:
        stat = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedPriceError("not a SecondStat") from error
    return price_of(stat.p, stat.t, stat.src)


async def read_prices(redis: Redis, symbols: Collection[str]) -> dict[str, Price]:
    """The last known prices of `symbols`, where there is a readable one. Raises RedisError. Safe to cancel."""
    if not symbols:
        return {}
    ordered = list(symbols)
    values = await redis.hmget(LAST_PRICES, ordered)
    return dict(_readable(zip(ordered, values, strict=True)))


def _readable(rows: Iterable[tuple[str, bytes | str | None]]) -> Iterable[tuple[str, Price]]:
    for symbol, value in rows:
        if value is None:
            continue
        try:
            yield symbol, decode_price(value)
        except MalformedPriceError:
            continue


class PriceBoard:
    """The newest price of each symbol in view, and which of them changed since the last look.

    A symbol's price never goes back in event time. All prices are of one source: the first price of another source
    makes every price of the former one unknown.
    """

    def __init__(self) -> None:
        self.latest: dict[str, Price] = {}
        self._changed: set[str] = set()
        self._source: str | None = None

    @property
    def source(self) -> str | None:
        """Where the prices come from; None before the first."""
        return self._source

    def apply(self, symbol: str, price: Price) -> bool:
        """Take in a price. False if it tells nothing new."""
        if price.source != self._source:
            self._forget_all(price.source)
        known = self.latest.get(symbol)
        if known is not None and (price.event_time_ms < known.event_time_ms or price == known):
            return False
        self.latest[symbol] = price
        self._changed.add(symbol)
        return True

    def forget(self, symbol: str) -> None:
        """Nobody looks at `symbol` any more."""
        self.latest.pop(symbol, None)
        self._changed.discard(symbol)

    def take_changes(self) -> set[str]:
        """The symbols whose price changed or became unknown since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def _forget_all(self, source: str) -> None:
        self._changed.update(self.latest)
        self.latest.clear()
        self._source = source
