"""Holdings: what each symbol of a portfolio is, by the exchange's listing, and what is known of its worth now."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from services.market.valuation import Graph
from services.profile.live.prices import Price
from services.profile.live.rates import Rates


class Holding(NamedTuple):
    """One coin of a portfolio."""

    symbol: str
    quantity: Decimal
    bare: str | None
    """The asset, if the symbol names one and no pair."""
    asset: str | None
    """What its total is in, before it is converted: the pair's quote, or the asset itself."""
    priced: bool
    valued: bool


def holdings(quantities: Mapping[str, Decimal], rates: Rates, prices: Mapping[str, Price]) -> Iterator[Holding]:
    """The holdings as they can be shown now."""
    for symbol, quantity in quantities.items():
        bare, asset = _assets(symbol, rates.graph, rates.currency)
        valued = rates.knows(asset)
        priced = valued if bare else symbol in prices
        yield Holding(symbol, quantity, bare, asset, priced, valued and priced)


def needed_symbols(symbols: Iterable[str], graph: Graph, currency: str) -> frozenset[str]:
    """The pairs whose prices are shown, and those that convert what is shown into the currency along `graph`."""
    needed = set[str]()
    for symbol in symbols:
        bare, asset = _assets(symbol, graph, currency)
        if bare is None:
            needed.add(symbol)
        if asset is not None:
            needed.update(leg.symbol for leg in graph.path(asset, currency) or ())
    return frozenset(needed)


def _assets(symbol: str, graph: Graph, currency: str) -> tuple[str | None, str | None]:
    bare = graph.bare_asset(symbol)
    return bare, bare or graph.quote(symbol, currency)
