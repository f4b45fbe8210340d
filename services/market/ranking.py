"""24 h volumes in one currency, by which symbols are ordered and filtered.

They are converted along the exchange's own pairs: by the shortest path, of several by the one whose last pair has the
larger 24 h volume. Figures may be rounded: no portfolio is valued by them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.market.valuation import Pair

RANKING_CURRENCY = "USDT"


def volumes_in(currency: str, pairs: Iterable[Pair]) -> dict[str, Decimal]:
    """The 24 h volume of each symbol in `currency`; symbols whose quote asset has no path to it are absent."""
    known = [pair for pair in pairs if pair.price > 0]
    rates = rates_in(currency, known)
    return {
        pair.symbol: pair.quote_volume * rates[pair.quote]
        for pair in known
        if pair.quote_volume is not None and pair.quote in rates
    }


def rates_in(currency: str, pairs: Iterable[Pair]) -> dict[str, Decimal]:
    """What one of each asset is in `currency`, for the assets that have a path; empty if no pair has the currency."""
    pairs_of: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        pairs_of[pair.base].append(pair)
        pairs_of[pair.quote].append(pair)
    rates = {currency: Decimal(1)} if currency in pairs_of else {}
    frontier = list(rates)
    while frontier:
        reached = _reached(frontier, pairs_of, rates)
        rates |= reached
        frontier = list(reached)
    return rates


def _reached(
    frontier: Iterable[str], pairs_of: Mapping[str, list[Pair]], rates: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """The rates of the assets that are one pair beyond `frontier`."""
    best: dict[str, tuple[Decimal, str, Decimal]] = {}
    for asset in frontier:
        for pair in pairs_of[asset]:
            forward = pair.quote == asset
            beyond = pair.base if forward else pair.quote
            if beyond in rates:
                continue
            rate = rates[asset] * pair.price if forward else rates[asset] / pair.price
            volume = (pair.quote_volume or Decimal(0)) * (rates[asset] if forward else rate)
            best[beyond] = max(best.get(beyond, (Decimal(-1), "", rate)), (volume, pair.symbol, rate))
    return {asset: rate for asset, (_, _, rate) in best.items()}
