"""The valuation graph: assets are nodes, the exchange's pairs are edges; what one of an asset is in a currency.

The path from an asset to a currency is the shortest one; of several, the one whose first pair has the larger 24 h
volume. Multiplying along pairs is exact. Where a pair is used backwards (EUR from USDT by EURUSDT), the rate has as
many digits as it takes for a converted figure to be rounded once: half to even, to 18 decimals.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import NamedTuple

from services.market.decimals import DECIMAL_PLACES, INTEGER_DIGITS
from services.market.symbols import DELISTED, Listing

MAX_LEGS = 4
"""Of a path. It bounds the digits of an exact product; markets are reached in one or two."""

EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""38 digits of quantity × 50 of price × 50 for each leg, summed over any portfolio, stay below 400."""
PRODUCT = Context(prec=110, rounding=ROUND_HALF_EVEN)
"""`PRODUCT.multiply(figure, rate)` is a figure before it is rounded, where a pair of the path is used backwards. One
that is a tie at the 18th place is met exactly, for the error of the rate is in digits that are rounded away here. One
that is none stays none: for all prices that an exchange quotes it is further from a tie than a unit of the 85th place.
"""
_QUOTIENT = Context(prec=PRODUCT.prec + 4, rounding=ROUND_HALF_EVEN)
"""Of a rate that is no exact product."""
_UNKNOWN = Decimal(-1)

UNIT = Decimal(1).scaleb(-DECIMAL_PLACES)
ROUNDING = Context(prec=3 * INTEGER_DIGITS + DECIMAL_PLACES, rounding=ROUND_HALF_EVEN)
"""`ROUNDING.quantize(figure, UNIT)` rounds a figure; quantity, price and rate have up to 20 digits before the point."""


class Pair(NamedTuple):
    """A listed symbol with its last price. Assets in upper case; `quote_volume` of 24 h, None if unknown."""

    symbol: str
    base: str
    quote: str
    price: Decimal
    quote_volume: Decimal | None


class Leg(NamedTuple):
    """One pair of a path: its price multiplies, or divides if the pair is used backwards."""

    symbol: str
    backwards: bool


Path = tuple[Leg, ...]
"""From an asset to a currency; empty from a currency to itself."""


class _Step(NamedTuple):
    volume: Decimal
    leg: Leg
    start: str
    end: str


class Graph:
    """The assets and pairs of one listing, and the paths between them, each chosen once.

    `pairs` are those that may be legs: traded, and with a price above 0. `volumes`, by symbol, are in one currency.
    """

    def __init__(
        self, listings: Iterable[Listing] = (), pairs: Iterable[Pair] = (), volumes: Mapping[str, Decimal] | None = None
    ) -> None:
        named = [listing for listing in listings if listing.base and listing.quote]
        self._quotes = {listing.symbol: listing.quote for listing in named}
        current = [listing for listing in named if listing.status != DELISTED]
        self._assets = {asset.lower(): asset for listing in current for asset in (listing.base, listing.quote)}
        self._steps_to: dict[str, list[_Step]] = defaultdict(list)
        for pair in pairs:
            volume = (volumes or {}).get(pair.symbol, _UNKNOWN)
            self._steps_to[pair.quote].append(_Step(volume, Leg(pair.symbol, backwards=False), pair.base, pair.quote))
            self._steps_to[pair.base].append(_Step(volume, Leg(pair.symbol, backwards=True), pair.quote, pair.base))
        self._toward: dict[str, Mapping[str, _Step]] = {}

    @property
    def known(self) -> bool:
        """Whether there is a listing at all."""
        return bool(self._assets)

    def is_pair(self, symbol: str) -> bool:
        return symbol in self._quotes

    def asset(self, text: str) -> str | None:
        """The asset that `text` names, in any case, as the exchange writes it."""
        return self._assets.get(text.lower())

    def bare_asset(self, symbol: str) -> str | None:
        """The asset that a symbol names if it is no pair."""
        return None if self.is_pair(symbol) else self.asset(symbol)

    def quote(self, symbol: str, currency: str) -> str | None:
        """The asset that the symbol's price is in.

        Where no listing names it (the Go original's aggregator keeps none), a symbol that ends with the currency's name
        is a pair with it; any other is not known.
        """
        guessed = currency if symbol.endswith(currency.lower()) else None
        return self._quotes.get(symbol, guessed)

    def reaches(self, currency: str) -> bool:
        """Whether any other asset has a path to `currency`."""
        return currency in self._steps_to

    def path(self, asset: str, currency: str) -> Path | None:
        """The path from an asset to a currency; None if there is none."""
        if currency not in self._toward:
            self._toward[currency] = self._steps_toward(currency)
        steps, path = self._toward[currency], list[Leg]()
        while asset != currency:
            if asset not in steps:
                return None
            path.append(steps[asset].leg)
            asset = steps[asset].end
        return tuple(path)

    def _steps_toward(self, currency: str) -> Mapping[str, _Step]:
        """The first step of each asset's path. All paths by their steps are a tenth of what they are by themselves."""
        steps: dict[str, _Step] = {}
        frontier = [currency]
        for _ in range(MAX_LEGS):
            reached: dict[str, _Step] = {}
            for step in (step for asset in frontier for step in self._steps_to.get(asset, ())):
                if step.start != currency and step.start not in steps:
                    reached[step.start] = max(reached.get(step.start, step), step)
            steps |= reached
            frontier = list(reached)
        return steps


def is_exact(path: Path) -> bool:
    """Whether a figure converted along `path` is never rounded."""
    return not any(leg.backwards for leg in path)


def rate_along(path: Path, price_of: Callable[[str], Decimal | None]) -> Decimal | None:
    """What one of the path's asset is in its currency; None while a leg has no price above 0, or for an absurd rate."""
    dividend, divisor = Decimal(1), Decimal(1)
    for leg in path:
        price = price_of(leg.symbol)
        if not price:
            return None
        if leg.backwards:
            divisor = EXACT.multiply(divisor, price)
        else:
            dividend = EXACT.multiply(dividend, price)
    if is_exact(path):
        return dividend
    rate = _QUOTIENT.divide(dividend, divisor)
    return rate if rate.adjusted() < INTEGER_DIGITS else None


def convert(figure: Decimal, rate: Decimal, path: Path) -> Decimal:
    """`figure` of the path's asset in its currency."""
    return EXACT.multiply(figure, rate) if is_exact(path) else ROUNDING.quantize(PRODUCT.multiply(figure, rate), UNIT)
