"""The symbol directory: what can be followed, what was listed once, and near matches of a mistyped symbol.

Two sources of knowledge: the exchange's listing, and the symbols that already have a price. No I/O.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from msgspec.structs import replace

from services.aggregator.errors import DelistedError, NotTradingError, SymbolsUnknownError, UnknownSymbolError
from services.common.near import MAX_NEAR, near_matches
from services.market.search import search, with_assets
from services.market.symbols import DELISTED, Listing, normal_symbol

MAX_FORMER = 10_000
"""Symbols that were listed once; beyond, the first to go are forgotten."""


@dataclass(slots=True)
class Directory:
    """The symbols of the exchange. `priced` is a live view of those that have a price.

    A symbol that leaves the listing stays known, with base and quote, as `DELISTED`.
    """

    priced: Collection[str]
    volumes: Callable[["Directory"], Mapping[str, Decimal]] = field(default=lambda _: {})
    """24 h volumes in one currency, by which near matches are ordered."""
    _listed: dict[str, Listing] | None = field(default=None, init=False)
    _former: dict[str, Listing] = field(default_factory=dict, init=False)
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
        """Replace the exchange's listing. If it is empty, the symbols known before, and those with a price, remain.

        A symbol that is listed without base and quote keeps those that are known.
        """
        before = self._listed
        known = self._former | (before or {})
        new = {listing.symbol: _completed(listing, known.get(listing.symbol)) for listing in listings}
        self._listings += 1
        if new or not before:
            self._listed = new
            self.restore((before or {}).values())

    def restore(self, listings: Iterable[Listing]) -> None:
        """What was listed before, by this exchange: in this process's life, or in an earlier one's."""
        former = self._former | {listing.symbol: listing for listing in listings}
        gone = {symbol: listing for symbol, listing in former.items() if symbol not in (self._listed or ())}
        self._former = dict(islice(gone.items(), max(0, len(gone) - MAX_FORMER), None))
        self._listings += 1

    def forget(self) -> None:
        """Forget everything: the exchange is another one."""
        self._listed = None
        self._former = {}

    def find(self, text: str) -> str:
        """The symbol that `text` names, which trades now.

        Raises UnknownSymbolError, DelistedError, NotTradingError, or SymbolsUnknownError while in doubt.
        """
        symbol = self.recognise(text)
        if symbol is None:
            raise UnknownSymbolError(self.near_with_assets(text))
        listing = self.listing(symbol)
        if listing.status == DELISTED:
            raise DelistedError(symbol)
        if not listing.tradable:
            raise NotTradingError(symbol)
        return symbol

    def recognise(self, text: str) -> str | None:
        """The symbol that `text` names, or None. Raises SymbolsUnknownError while in doubt."""
        symbol = normal_symbol(text)
        if not self.known and symbol not in self.priced:
            raise SymbolsUnknownError
        found = symbol in self.priced or symbol in (self._listed or ()) or symbol in self._former
        return symbol if found else None

    def near(self, text: str) -> list[str]:
        """Symbols that resemble `text` and are traded, best first."""
        return _names(search(text, self._all().values(), self.volumes(self), MAX_NEAR, near_matches))

    def near_with_assets(self, text: str) -> list[str]:
        """As `near`, with assets, which can be held by themselves and not followed."""
        return _names(search(text, *with_assets(self._all().values(), self.volumes(self)), MAX_NEAR, near_matches))

    def listing(self, symbol: str) -> Listing:
        """What is known of a symbol."""
        listed = (self._listed or {}).get(symbol)
        if listed is not None:
            return listed
        former = self._former.get(symbol)
        if former is None:
            return Listing(symbol)
        # If the exchange lists nothing at all, a missing symbol means nothing.
        return replace(former, status=DELISTED if self._listed else "")

    def listings(self) -> list[Listing]:
        """Every symbol, in order. Raises SymbolsUnknownError while there are none to list."""
        if not self.known:
            raise SymbolsUnknownError
        return [listing for _, listing in sorted(self._all().items())]

    def _all(self) -> dict[str, Listing]:
        return {symbol: self.listing(symbol) for symbol in {*self.priced, *self._former, *(self._listed or ())}}


def _completed(listing: Listing, known: Listing | None) -> Listing:
    if listing.base or known is None:
        return listing
    return replace(listing, base=known.base, quote=known.quote)


def _names(found: Iterable[Listing]) -> list[str]:
    return [listing.symbol for listing in found]
