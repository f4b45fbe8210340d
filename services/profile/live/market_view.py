"""The market as open portfolios see it: the newest prices in view, and the rates over them, always in step."""

from collections.abc import Mapping

import structlog

from services.market.valuation import Graph
from services.profile.live import metrics
from services.profile.live.document import PortfolioDocument
from services.profile.live.prices import LatestPrices, Price
from services.profile.live.rates import Valuations
from services.profile.portfolio.rules import Portfolio

log = structlog.get_logger()


class MarketView:
    """`LatestPrices` and `Valuations` of one process: each change of a price forgets the rates that depend on it."""

    def __init__(self) -> None:
        self._prices = LatestPrices()
        self._valuations = Valuations(self._prices.latest)

    @property
    def latest(self) -> Mapping[str, Price]:
        """A live view of the prices by symbol."""
        return self._prices.latest

    @property
    def source(self) -> str | None:
        """Where the prices come from; None before the first."""
        return self._prices.source

    @property
    def graph(self) -> Graph:
        """The valuation graph that documents are valued along."""
        return self._valuations.graph

    def adopt(self, graph: Graph) -> None:
        """Value along another graph."""
        self._valuations.adopt(graph)

    def document(self, portfolio: Portfolio) -> PortfolioDocument:
        """The document of `portfolio`, to be rendered at `latest`."""
        return PortfolioDocument(portfolio, self._valuations.rates(portfolio.currency))

    def apply(self, symbol: str, price: Price, heard_s: float | None = None) -> bool:
        """Take in a price, as `LatestPrices.apply` does. False if it brings nothing new."""
        former = self.source
        is_news = self._prices.apply(symbol, price, heard_s)
        if is_news:
            self._valuations.price_changed(symbol)
        source = self.source
        if source is not None and source != former:
            self._valuations.prices_lost()
            _report_source(former, source)
        return is_news

    def forget(self, symbol: str) -> None:
        """Drop the price of `symbol`, which has lost its last viewer."""
        self._prices.forget(symbol)
        self._valuations.price_changed(symbol)

    def take_changes(self) -> set[str]:
        """The symbols whose price changed or became unknown since the last call."""
        return self._prices.take_changes()


def _report_source(former: str | None, source: str) -> None:
    log.info("live.source", source=source, former=former)
    if former is not None:
        metrics.SOURCE.labels(former).set(0)
    metrics.SOURCE.labels(source).set(1)
