"""The one ranking of symbols, and of assets, for a text that a person typed: suggestions, near matches and search."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from services.market.symbols import MAX_SYMBOL_LENGTH, TRADING, Listing

Similar = Callable[[str, Iterable[str]], list[str]]
"""Fuzzy matches of a text among symbols, best first."""

_UNKNOWN = Decimal(-1)
_NOTHING = Decimal(0)


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
        pairs = [symbol for symbol, listing in tradable.items() if listing.quote or not listing.base]
        found += [symbol for symbol in similar(wanted, pairs) if symbol not in found]
    return [tradable[symbol] for symbol in found[:limit]]


def with_assets(
    listings: Iterable[Listing], volumes: Mapping[str, Decimal]
) -> tuple[list[Listing], Mapping[str, Decimal]]:
    """The listings, and the assets of those that can be traded, to be searched together.

    An asset is a listing with its name as symbol and base, and no quote. Its volume is that of all its pairs.
    """
    found = list(listings)
    pairs = {listing.symbol for listing in found}
    assets: dict[str, Listing] = {}
    worth: dict[str, Decimal] = {}
    for listing in found:
        if not listing.tradable or not listing.base or not listing.quote:
            continue
        for asset in (listing.base, listing.quote):
            symbol = asset.lower()
            if symbol not in pairs:
                assets[symbol] = Listing(symbol, asset, "", TRADING)
                worth[symbol] = worth.get(symbol, _NOTHING) + volumes.get(listing.symbol, _NOTHING)
    return [*found, *assets.values()], {**volumes, **worth}


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
