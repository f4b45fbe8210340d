"""The symbol directory, near matches of a mistyped symbol, and search. No I/O."""

from collections.abc import Iterable

from services.common.near import near_matches
from services.dashboard.errors import UnknownSymbolError
from services.market.symbols import MAX_SYMBOL_LENGTH, Listing, normal_symbol


class Directory:
    """Every symbol that is listed or has a price, in order."""

    def __init__(self, listed: Iterable[Listing], priced: Iterable[str]) -> None:
        learnt = {symbol: Listing(symbol) for symbol in priced}
        merged = learnt | {listing.symbol: listing for listing in listed}
        self.listings: dict[str, Listing] = dict(sorted(merged.items()))

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
        return near_matches(text.lower()[:MAX_SYMBOL_LENGTH], self.listings.keys())

    def search(self, text: str, limit: int) -> list[Listing]:
        """Best first: the symbol or base itself, bases that begin so, symbols that do, those that hold it, similar."""
        wanted = text.lower()
        ranked = sorted(
            (rank, *_tie(listing), listing)
            for listing in self.listings.values()
            if (rank := _rank(wanted, listing)) is not None
        )
        found = [listing for *_, listing in ranked[:limit]]
        seen = {listing.symbol for listing in found}
        similar = self.near(text) if len(found) < limit else []
        return (found + [self.listings[symbol] for symbol in similar if symbol not in seen])[:limit]

    def quote_is(self, symbol: str, quote: str) -> bool:
        """Whether `symbol` is priced in `quote` (lower case); by its ending where nobody has told."""
        told = self.listings[symbol].quote.lower() if symbol in self.listings else ""
        return told == quote if told else symbol.endswith(quote) and symbol != quote


def _rank(wanted: str, listing: Listing) -> int | None:
    base = listing.base.lower()
    if wanted in (listing.symbol, base):
        return 0
    if base.startswith(wanted):
        return 1
    if listing.symbol.startswith(wanted):
        return 2
    return 3 if wanted in listing.symbol else None


def _tie(listing: Listing) -> tuple[bool, int, str]:
    """Among equals: what trades first, then short ones (the base of `btc` before that of `btcst`), then by name."""
    return listing.status not in ("", "TRADING"), len(listing.base), listing.symbol
