"""The profile document: what a portfolio is worth now, as exact JSON.

No number on this path is ever a binary float, and none is ever rounded: a product that would not fit the context below
raises instead. One portfolio is rendered once a second for each user, so what does not change between two prices
(keys, quantities, the name) is text made once.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import lru_cache, reduce

from services.profile.portfolio import Portfolio, plain
from services.profile.prices import Price

EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""38 digits of quantity × 50 of price, summed over any portfolio, stay below 120. Used by name: a context that is
merely set reaches one thread and task only."""

_UNPRICED = ("0", "null", "null")
_GAP = "\0"
"""Where a value goes; JSON text never holds it, strings have it escaped."""


def render_document(portfolio: Portfolio, prices: Mapping[str, Price]) -> bytes:
    """The document of `portfolio` at `prices`, UTF-8. `UpdatedAt` and `Source` are null while no price is known."""
    return PortfolioDocument(portfolio).render(prices)


class PortfolioDocument:
    """One portfolio, rendered again and again as prices change."""

    __slots__ = ("_head", "_parts", "_priced", "_quantities", "_unpriced", "symbols")

    def __init__(self, portfolio: Portfolio) -> None:
        quantities = {symbol: Decimal(plain(quantity)) for symbol, quantity in portfolio.quantities.items()}
        self.symbols = frozenset(quantities)
        self._quantities = quantities
        self._head = (
            f'{{"ID":{portfolio.user_id},"Name":{json.dumps(portfolio.name)},'
            f'"Coins":{{"Quantities":{{{_members(quantities.items())}}},"Prices":{{'
        )
        self._arrange({})

    def render(self, prices: Mapping[str, Price]) -> bytes:
        """The document at `prices` (symbol → price; other users' symbols are welcome)."""
        if self._unpriced and not prices.keys().isdisjoint(self._unpriced):
            self._arrange(prices)
        try:
            quotes = [prices[symbol] for symbol in self._priced]
        except KeyError:
            self._arrange(prices)
            quotes = [prices[symbol] for symbol in self._priced]
        # Odd places hold what changes; the even ones are text made by _arrange.
        self._parts[1::2] = self._values(quotes) if quotes else _UNPRICED
        return "".join(self._parts).encode()

    def _values(self, quotes: list[Price]) -> list[str]:
        """The texts for the document's gaps: prices, totals, total, newest event time and its source."""
        numbers, times_ms, sources, texts = zip(*quotes, strict=True)
        totals = list(map(EXACT.multiply, self._priced.values(), numbers))
        newest_ms = max(times_ms)
        return [
            *texts,
            # The common case by hand: an untrimmed zero or an exponent is rare, and a call is not free.
            *[t if t[-1] != "0" and "E" not in t else plain(Decimal(t)) for t in map(str, totals)],
            plain(reduce(EXACT.add, totals)),
            str(newest_ms),
            _quoted(sources[times_ms.index(newest_ms)]),
        ]

    def _arrange(self, prices: Mapping[str, Price]) -> None:
        """Lay the document out for exactly the coins whose price is known."""
        self._priced = {symbol: quantity for symbol, quantity in self._quantities.items() if symbol in prices}
        self._unpriced = self.symbols - self._priced.keys()
        members = ",".join(f"{_quoted(symbol)}:{_GAP}" for symbol in self._priced)
        layout = (
            f'{self._head}{members}}},"Totals":{{{members}}}}},"Total":{_GAP},"UpdatedAt":{_GAP},"Source":{_GAP}}}'
        ).split(_GAP)
        self._parts = [""] * (2 * len(layout) - 1)
        self._parts[::2] = layout


def _members(quantities: Iterable[tuple[str, Decimal]]) -> str:
    return ",".join(f"{_quoted(symbol)}:{plain(quantity)}" for symbol, quantity in quantities)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)
