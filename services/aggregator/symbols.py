"""What a symbol looks like, which symbols the exchange has, and which of them are near a mistyped one.

Two sources of knowledge: the exchange's listing, and the symbols that already have a price. No I/O.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from services.aggregator.errors import SymbolsUnknownError, UnknownSymbolError

MAX_SYMBOL_LENGTH = 40
MAX_NEAR = 5
_NEAR_CUTOFF = 0.75

# Letters and digits of any script. A symbol is also a Redis channel: no colon, so it can never be one of ours.
_SYMBOL = re.compile(rf"[\w.-]{{1,{MAX_SYMBOL_LENGTH}}}")


@lru_cache(maxsize=32_768)
def normal_symbol(text: str) -> str | None:
    """`text` as all of us write it, in lower case; None when it cannot be a symbol."""
    symbol = text.lower()
    return symbol if _SYMBOL.fullmatch(symbol) else None


class Listing(msgspec.Struct, frozen=True):
    """One symbol as the exchange lists it; empty texts where it is only known from its prices."""

    symbol: str
    base: str = ""
    quote: str = ""
    status: str = ""


@dataclass(slots=True)
class Directory:
    """The symbols that can be followed. `priced` is a live view of those that have a price."""

    priced: Collection[str]
    _listed: dict[str, Listing] | None = field(default=None, init=False)
    _listings: int = field(default=0, init=False)

    @property
    def known(self) -> bool:
        """Whether a symbol that is not found is certain not to exist."""
        return bool(self._listed) or (self._listed is not None and bool(self.priced))

    @property
    def revision(self) -> tuple[int, int]:
        """Changes with each listing, and, where the exchange lists nothing, with each symbol that gets a price."""
        return self._listings, 0 if self._listed else len(self.priced)

    def replace(self, listings: Iterable[Listing]) -> None:
        """What the exchange lists, whole. Empty: it does not say, so the priced symbols are all there are."""
        self._listed = {listing.symbol: listing for listing in listings}
        self._listings += 1

    def forget(self) -> None:
        """Nothing is known any more: the exchange is another one."""
        self._listed = None

    def find(self, text: str) -> str:
        """The followable symbol that `text` names. Raises UnknownSymbolError, or SymbolsUnknownError while in doubt."""
        symbol = self.recognise(text)
        if symbol is None:
            raise UnknownSymbolError(self.near(text))
        return symbol

    def recognise(self, text: str) -> str | None:
        """The followable symbol that `text` names, or None. Raises SymbolsUnknownError while in doubt."""
        symbol = normal_symbol(text)
        if symbol is not None and (symbol in self.priced or symbol in (self._listed or ())):
            return symbol
        if not self.known:
            raise SymbolsUnknownError
        return None

    def near(self, text: str) -> list[str]:
        """Up to `MAX_NEAR` symbols that resemble `text`, best first. Costs about a microsecond per known symbol."""
        choices = sorted({*self.priced, *(self._listed or ())})
        found = process.extract(
            text.lower(), choices, scorer=JaroWinkler.similarity, limit=MAX_NEAR, score_cutoff=_NEAR_CUTOFF
        )
        return [choice for choice, _, _ in found]

    def listings(self) -> list[Listing]:
        """Every followable symbol, in order. Raises SymbolsUnknownError while there are none to tell."""
        if not self.known:
            raise SymbolsUnknownError
        learnt = {symbol: Listing(symbol) for symbol in self.priced}
        return [listing for _, listing in sorted({**learnt, **(self._listed or {})}.items())]
