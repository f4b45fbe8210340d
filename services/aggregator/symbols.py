"""The symbol directory, and near matches of a mistyped symbol.

Two sources of knowledge: the exchange's listing, and the symbols that already have a price. No I/O.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from services.aggregator.errors import SymbolsUnknownError, UnknownSymbolError
from services.common.near import near_matches
from services.market.symbols import Listing, normal_symbol


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
    def listed(self) -> int:
        """How many symbols the exchange lists; 0 where it lists none, or is not known to."""
        return len(self._listed or ())

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
        """Symbols that resemble `text`, best first."""
        return near_matches(text.lower(), sorted({*self.priced, *(self._listed or ())}))

    def listings(self) -> list[Listing]:
        """Every followable symbol, in order. Raises SymbolsUnknownError while there are none to tell."""
        if not self.known:
            raise SymbolsUnknownError
        learnt = {symbol: Listing(symbol) for symbol in self.priced}
        return [listing for _, listing in sorted({**learnt, **(self._listed or {})}.items())]
