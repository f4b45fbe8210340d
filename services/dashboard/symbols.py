"""What a symbol looks like, which there are, which are near a mistyped one, and which fit a search. No I/O."""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from services.dashboard.errors import UnknownSymbolError

MAX_SYMBOL_LENGTH = 40
MAX_NEAR = 5
_NEAR_CUTOFF = 0.75

# Letters and digits of any script, as the aggregator takes them.
_SYMBOL = re.compile(rf"[\w.-]{{1,{MAX_SYMBOL_LENGTH}}}")


class Listing(msgspec.Struct, frozen=True):
    """One symbol as the exchange lists it; empty texts where it is only known from its prices."""

    symbol: str
    base: str = ""
    quote: str = ""
    status: str = ""


def normal_symbol(text: str) -> str | None:
    """`text` as all of us write it, in lower case; None when it cannot be a symbol."""
    return _normal_symbol(text) if len(text) <= MAX_SYMBOL_LENGTH else None  # what is remembered is short


@lru_cache(maxsize=32_768)
def _normal_symbol(text: str) -> str | None:
    symbol = text.lower()
    return symbol if _SYMBOL.fullmatch(symbol) else None


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
        """Up to `MAX_NEAR` symbols that resemble `text`, best first. Costs about a microsecond per known symbol."""
        wanted = text.lower()[:MAX_SYMBOL_LENGTH]
        found = process.extract(
            wanted, self.listings.keys(), scorer=JaroWinkler.similarity, limit=MAX_NEAR, score_cutoff=_NEAR_CUTOFF
        )
        return [choice for choice, _, _ in found]

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
