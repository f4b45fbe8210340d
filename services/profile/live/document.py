"""The profile document: what a portfolio is worth now, as exact JSON.

No number on this path is ever a binary float. Figures in a pair's own quote are never rounded: a product that would not
fit the context raises instead. What is converted into the person's currency is rounded by the rule of the valuation
graph. One portfolio is rendered once a second for each user, so what does not change between two prices (keys,
quantities, the name, the currency) is text made once.
"""

import contextvars
import json
from collections.abc import Callable, Mapping
from decimal import Decimal, setcontext

from services.market.decimals import plain
from services.market.valuation import EXACT, Graph
from services.profile.live.arrangement import Arrangement, quoted
from services.profile.live.holdings import holdings, needed_symbols
from services.profile.live.prices import Price
from services.profile.live.rates import Rates, Valuations
from services.profile.portfolio.rules import Portfolio

_exactly = contextvars.copy_context()
"""Where EXACT is in force: `_exactly.run(function)`. A decimal context that is merely set reaches one task alone, and
naming it in every operation costs more than the operation."""
_exactly.run(setcontext, EXACT)


def document_of(portfolio: Portfolio, prices: Mapping[str, Price], graph: Graph) -> "PortfolioDocument":
    """A document by itself, to be rendered at `prices`, which may be known later."""
    return PortfolioDocument(portfolio, Valuations(prices, graph).rates(portfolio.currency))


class PortfolioDocument:
    """One portfolio, rendered again and again as prices change, in the currency of `rates`."""

    __slots__ = ("_arrangement", "_head", "_quantities", "_rates")

    def __init__(self, portfolio: Portfolio, rates: Rates) -> None:
        texts = {symbol: plain(quantity) for symbol, quantity in portfolio.quantities.items()}
        quantities = ",".join(f"{quoted(symbol)}:{text}" for symbol, text in texts.items())
        self._rates = rates
        self._quantities = {symbol: Decimal(text) for symbol, text in texts.items()}
        self._head = (
            f'{{"ID":{portfolio.user_id},"Name":{json.dumps(portfolio.name)},'
            f'"Coins":{{"Quantities":{{{quantities}}},"Prices":{{'
        )
        self._arrangement = self._arranged({})

    def needed(self) -> frozenset[str]:
        """The symbols whose prices it shows or converts by."""
        return self.needed_along(self._rates.graph)

    def needed_along(self, graph: Graph) -> frozenset[str]:
        """The same once it is valued along `graph`."""
        return needed_symbols(self._quantities, graph, self._rates.currency)

    def render(self, prices: Mapping[str, Price]) -> bytes:
        """The document at `prices` (symbol → price; those of other symbols are welcome), UTF-8."""
        return self._rendered(prices, Arrangement.plain)

    def render_full(self, prices: Mapping[str, Price]) -> bytes:
        """As `render`, with each coin's value in the currency and the time of its price."""
        return self._rendered(prices, Arrangement.full)

    def _rendered(
        self, prices: Mapping[str, Price], render: Callable[[Arrangement, Mapping[str, Price]], str]
    ) -> bytes:
        arrangement = self._arrangement
        if arrangement.version != self._rates.version or (arrangement.lacks and arrangement.can_show_more(prices)):
            arrangement = self._arrangement = self._arranged(prices)
        try:
            return _exactly.run(render, arrangement, prices).encode()
        except KeyError:  # a price or a rate is not known any more
            self._arrangement = self._arranged(prices)
            return _exactly.run(render, self._arrangement, prices).encode()

    def _arranged(self, prices: Mapping[str, Price]) -> Arrangement:
        return Arrangement(self._head, list(holdings(self._quantities, self._rates, prices)), self._rates)
