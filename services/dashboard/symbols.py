"""The symbol directory, near matches of a mistyped symbol, and search. No I/O."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from services.common.near import MAX_NEAR, near_matches
from services.dashboard.errors import UnknownSymbolError
from services.market.search import search, with_assets
from services.market.symbols import Listing, normal_symbol


class Directory:
    """Every symbol that is listed or has a price, in order."""

    def __init__(self, listed: Iterable[Listing], priced: Iterable[str]) -> None:
        learnt = {symbol: Listing(symbol) for symbol in priced}
        merged = learnt | {listing.symbol: listing for listing in listed}
        self.listings: dict[str, Listing] = dict(sorted(merged.items()))
        self._facts: dict[str, bytes] = {}
        self.volumes: Mapping[str, Decimal] = {}
        """24 h volumes in one currency, by symbol; those without a path to it are absent."""

    def find(self, text: str) -> str:
        """The symbol that `text` names. Raises UnknownSymbolError."""
        symbol = self.recognise(text)
        if symbol is None:
            raise UnknownSymbolError(self.near(text))
        return symbol

    def recognise(self, text: str) -> str | None:
        symbol = normal_symbol(text)
        return symbol if symbol in self.listings else None

    def near(self, text: str) -> list[str]:
        """Symbols that resemble `text`, best first."""
        return [listing.symbol for listing in self.search(text, MAX_NEAR)]

    def search(self, text: str, limit: int) -> list[Listing]:
        """The symbols that fit what a person typed, best first; none that is not traded."""
        return search(text, self.listings.values(), self.volumes, limit, near_matches)

    def search_with_assets(self, text: str, limit: int) -> list[Listing]:
        """As `search`, with the assets that can be held by themselves: rows without a quote."""
        return search(text, *with_assets(self.listings.values(), self.volumes), limit, near_matches)

    def facts(self, symbol: str) -> bytes:
        """The listing of a symbol, as further members of a JSON object."""
        written = self._facts.get(symbol)
        if written is None:
            listing = self.listings[symbol]
            members = {"base": listing.base, "quote": listing.quote, "status": listing.status}
            written = self._facts[symbol] = b"," + msgspec.json.encode(members)[1:-1]
        return written

    def quote_is(self, symbol: str, quote: str) -> bool:
        """Whether the exchange lists `symbol` as priced in `quote` (lower case)."""
        return symbol in self.listings and self.listings[symbol].quote.lower() == quote
