"""Rates of assets in the currencies of portfolios, over the prices that documents show."""

from collections.abc import Mapping
from decimal import Decimal

from services.market.decimals import plain
from services.market.valuation import Graph, convert, rate_along
from services.profile.live.prices import Price

ONE = Decimal(1)


class Rates(dict[str, Decimal]):
    """What one of each asset is in `currency`, computed when it is first needed after a leg's price has changed.

    Raises KeyError for an asset without a path, or with a leg that has no price.
    """

    def __init__(
        self, currency: str, graph: Graph, prices: Mapping[str, Price], dependents: dict[str, dict[str, "Rates"]]
    ) -> None:
        super().__init__()
        self.currency = currency
        self.graph = graph
        self.version = 0
        """Changes with the graph: what is laid out along its paths must be laid out anew."""
        self._prices = prices
        self._dependents = dependents
        self._holdings: dict[str, Price] = {}

    def __missing__(self, asset: str) -> Decimal:
        path = self.graph.path(asset, self.currency)
        rate = None if path is None else rate_along(path, self._price_of)
        if path is None or rate is None:
            raise KeyError(asset)
        for leg in path:
            self._dependents.setdefault(leg.symbol, {})[self.currency] = self
        self[asset] = rate
        return rate

    def knows(self, asset: str | None) -> bool:
        """Whether there is a rate of `asset` now."""
        try:
            return asset is not None and self[asset] is not None
        except KeyError:
            return False

    def holding(self, asset: str) -> Price:
        """The price of an asset that is held by itself: 1 in itself, shown as its rate. Raises KeyError.

        Its time is that of the oldest leg; 0 for the currency, which has none.
        """
        if asset not in self._holdings:
            self._holdings[asset] = self._holding(asset)
        return self._holdings[asset]

    def forget(self) -> None:
        """Compute everything anew when it is needed next."""
        self.clear()
        self._holdings.clear()

    def adopt(self, graph: Graph) -> None:
        self.forget()
        self.graph = graph
        self.version += 1

    def _holding(self, asset: str) -> Price:
        rate, path = self[asset], self.graph.path(asset, self.currency)
        text = plain(convert(ONE, rate, path or ()))
        if not path:
            return Price(ONE, 0, "", text)
        oldest = min((self._prices[leg.symbol] for leg in path), key=lambda price: price.event_time_ms)
        return Price(ONE, oldest.event_time_ms, oldest.source, text)

    def _price_of(self, symbol: str) -> Decimal | None:
        price = self._prices.get(symbol)
        return None if price is None else price.price


class Valuations:
    """The rates of every currency in use, over one set of prices."""

    def __init__(self, prices: Mapping[str, Price], graph: Graph | None = None) -> None:
        self.graph = graph or Graph()
        self._prices = prices
        self._rates: dict[str, Rates] = {}
        self._dependents: dict[str, dict[str, Rates]] = {}

    def rates(self, currency: str) -> Rates:
        """The rates in `currency`: always the same object."""
        if currency not in self._rates:
            self._rates[currency] = Rates(currency, self.graph, self._prices, self._dependents)
        return self._rates[currency]

    def price_changed(self, symbol: str) -> None:
        """Forget the rates that depend on the price of `symbol`."""
        if symbol in self._dependents:
            for rates in self._dependents.pop(symbol).values():
                rates.forget()

    def prices_lost(self) -> None:
        """Forget all rates."""
        self._dependents.clear()
        for rates in self._rates.values():
            rates.forget()

    def adopt(self, graph: Graph) -> None:
        """Value along the paths of another graph from here on."""
        self.graph = graph
        self._dependents.clear()
        for rates in self._rates.values():
            rates.adopt(graph)
