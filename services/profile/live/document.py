"""The profile document: what a portfolio is worth now, as exact JSON.

No number on this path is ever a binary float, and none is ever rounded: a product that would not fit the context below
raises instead. One portfolio is rendered once a second for each user, so what does not change between two prices
(keys, quantities, the name) is text made once.
"""

import contextvars
import json
import sys
from collections.abc import Mapping
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, setcontext
from functools import lru_cache
from operator import mul

from services.market.decimals import plain, shortest
from services.profile.live.prices import Price
from services.profile.portfolio.rules import Portfolio

EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""38 digits of quantity × 50 of price, summed over any portfolio, stay below 120."""
_exactly = contextvars.copy_context()
"""Where EXACT is in force: `_exactly.run(function)`. A decimal context that is merely set reaches one task alone, and
naming it in every operation costs more than the operation."""
_exactly.run(setcontext, EXACT)

_UNPRICED = ("0", "null", "null")
_GAP = "\0"
"""Where a value goes; JSON text never holds it, strings have it escaped."""


def render_document(portfolio: Portfolio, prices: Mapping[str, Price]) -> bytes:
    """The document of `portfolio` at `prices`, UTF-8. `UpdatedAt` and `Source` are null while no price is known."""
    return PortfolioDocument(portfolio).render(prices)


class PortfolioDocument:
    """One portfolio, rendered again and again as prices change."""

    __slots__ = ("_amounts", "_head", "_layout", "_priced", "_quantities", "_unpriced", "symbols")

    def __init__(self, portfolio: Portfolio) -> None:
        texts = {symbol: plain(quantity) for symbol, quantity in portfolio.quantities.items()}
        quantities = ",".join(f"{_quoted(symbol)}:{text}" for symbol, text in texts.items())
        self.symbols = frozenset(texts)
        self._quantities = {symbol: Decimal(text) for symbol, text in texts.items()}
        self._head = (
            f'{{"ID":{portfolio.user_id},"Name":{json.dumps(portfolio.name)},'
            f'"Coins":{{"Quantities":{{{quantities}}},"Prices":{{'
        )
        self._arrange({})

    def render(self, prices: Mapping[str, Price]) -> bytes:
        """The document at `prices` (symbol → price; those of other symbols are welcome)."""
        if self._unpriced and not prices.keys().isdisjoint(self._unpriced):
            self._arrange(prices)
        try:
            quotes = list(map(prices.__getitem__, self._priced))
        except KeyError:
            self._arrange(prices)
            quotes = list(map(prices.__getitem__, self._priced))
        parts = self._layout.copy()  # not filled in place: texts kept for a second are cold memory to free
        parts[1::2] = _exactly.run(self._values, quotes) if quotes else _UNPRICED
        return "".join(parts).encode()

    def _values(self, quotes: list[Price]) -> list[str]:
        """The texts for the document's gaps: prices, totals, total, newest event time and its source."""
        numbers, times_ms, sources, texts = zip(*quotes, strict=True)
        totals = list(map(mul, self._amounts, numbers))
        totals.append(sum(totals))
        newest_ms = max(times_ms)
        return [
            *texts,
            # The common case by hand: a zero to trim or an exponent is rare, and a call is not free.
            *[text if text[-1] != "0" and "E" not in text else _plain_text(text) for text in map(str, totals)],
            str(newest_ms),
            _quoted(sources[times_ms.index(newest_ms)]),
        ]

    def _arrange(self, prices: Mapping[str, Price]) -> None:
        """Lay the document out for exactly the coins whose price is known."""
        self._priced = tuple(symbol for symbol in self._quantities if symbol in prices)
        self._amounts = tuple(self._quantities[symbol] for symbol in self._priced)
        self._unpriced = self.symbols.difference(self._priced)
        members = ",".join(f"{_quoted(symbol)}:{_GAP}" for symbol in self._priced)
        texts = (
            f'{self._head}{members}}},"Totals":{{{members}}}}},"Total":{_GAP},"UpdatedAt":{_GAP},"Source":{_GAP}}}'
        ).split(_GAP)
        # Odd places are for what changes. Most of the rest is the same in all documents: interned, it is in
        # memory, and in the CPU's cache, once.
        self._layout = [""] * (2 * len(texts) - 1)
        self._layout[::2] = map(sys.intern, texts)


def _plain_text(text: str) -> str:
    """What `str(Decimal)` gives, as `plain` would write it."""
    if "E" in text:
        return plain(Decimal(text))
    return shortest(text)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)
