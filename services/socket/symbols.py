"""The symbols that the exchange trades, as last listed; refreshed every few minutes."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from services.common.backoff import Backoff
from services.exchanges.errors import RestError
from services.exchanges.exchange import Exchange, SymbolInfo
from services.exchanges.listing_guard import ListingGuard
from services.exchanges.rest_client import RestClient
from services.socket import metrics

log = structlog.get_logger()


class SymbolCatalog:
    """Answers from memory. An answer may be stale while the exchange's REST interface is down, never empty again."""

    def __init__(self, exchange: Exchange, rest: RestClient, refresh_s: float, on_refresh: Callable[[], None]) -> None:
        self._exchange = exchange
        self._rest = rest
        self._refresh_s = refresh_s
        self._on_refresh = on_refresh
        self._guard = ListingGuard()
        self.symbols: Mapping[str, SymbolInfo] | None = None
        """By lower-case symbol; None until the first listing."""

    def is_unknown(self, symbol: str) -> bool:
        """Whether the exchange is known not to trade `symbol`. Before anything is known, nothing is unknown."""
        return self.symbols is not None and symbol not in self.symbols

    async def run(self) -> None:
        """Keep the catalog fresh until cancelled."""
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        while True:
            try:
                body = await self._rest.get(self._exchange.symbols_request())
                symbols = self._exchange.parse_symbols(body)
            except RestError as error:
                log.warning("symbols.refresh_failed", error=str(error), known=self.symbols is not None)
                await asyncio.sleep(backoff.next_delay_s())
                continue
            backoff.reset()
            self._take({info.symbol: info for info in symbols})
            await asyncio.sleep(self._refresh_s)

    def _take(self, symbols: Mapping[str, SymbolInfo]) -> None:
        known = len(self.symbols or ())
        if not self._guard.believes(known, len(symbols)):
            log.warning("symbols.listing_doubted", symbols=len(symbols), known=known)
            return
        self.symbols = symbols
        metrics.SYMBOLS.set(len(symbols))
        self._on_refresh()
