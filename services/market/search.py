"""The one ranking of symbols for a text that a person typed: suggestions, near matches and search agree on it."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from services.market.symbols import MAX_SYMBOL_LENGTH, Listing

Similar = Callable[[str, Iterable[str]], list[str]]
"""Fuzzy matches of a text among symbols, best first."""

_UNKNOWN = Decimal(-1)


def search(
    text: str, listings: Iterable[Listing], volumes: Mapping[str, Decimal], limit: int, similar: Similar
) -> list[Listing]:
    """At most `limit` symbols that can be traded, best first.

    The symbol itself, those of that base, bases that begin so, symbols that begin so, symbols that contain it, similar
    ones. Among equals: by 24 h volume in one currency (`volumes`), then short bases first, then by name.
    """
    wanted = text.lower()[:MAX_SYMBOL_LENGTH]
    tradable = {listing.symbol: listing for listing in listings if listing.tradable}
    ranked = sorted(
        (rank, -volumes.get(listing.symbol, _UNKNOWN), len(listing.base), listing.symbol)
        for listing in tradable.values()
        if (rank := _rank(wanted, listing)) is not None
    )
    found = [symbol for *_, symbol in ranked[:limit]]
    if len(found) < limit:
        found += [symbol for symbol in similar(wanted, list(tradable)) if symbol not in found]
    return [tradable[symbol] for symbol in found[:limit]]


def _rank(wanted: str, listing: Listing) -> int | None:
    base = listing.base.lower()
    ranks = (
        listing.symbol == wanted,
        base == wanted,
        base.startswith(wanted),
        listing.symbol.startswith(wanted),
        wanted in listing.symbol,
    )
    return ranks.index(True) if True in ranks else None
