"""The arrangement of a document: which coins it can show and value now, and the text around their figures."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from operator import mul
from typing import Any

from services.market.decimals import plain, shortest
from services.market.valuation import PRODUCT, ROUNDING, UNIT, Leg, is_exact
from services.profile.live.holdings import Holding
from services.profile.live.prices import Price
from services.profile.live.rates import Rates

_GAP = "\0"
"""Where a value goes; JSON text never holds it, strings have it escaped."""
_UNPRICED = ["0", "null", "null"]
_UNPRICED_FULL = [*_UNPRICED, "null"]


class Arrangement:
    """A document laid out for exactly those coins whose price, and those whose rate, is known.

    `plain` and `full` must run where EXACT is the decimal context. Both raise KeyError when a price or a rate is not
    known any more.
    """

    __slots__ = (
        "_amounts",
        "_assets",
        "_bare",
        "_converted",
        "_converting",
        "_full_parts",
        "_head",
        "_is_all_rounded",
        "_is_all_valued",
        "_is_own",
        "_plain_parts",
        "_priced",
        "_rates",
        "_rounded",
        "_tail",
        "_unpriced",
        "_unrated",
        "_valued",
        "lacks",
        "version",
    )

    def __init__(self, head: str, held: Sequence[Holding], rates: Rates) -> None:
        """`head` is the text up to the first price."""
        priced = [holding for holding in held if holding.priced]
        self._rates, self.version = rates, rates.version
        self._unpriced = frozenset(holding.symbol for holding in held if not (holding.priced or holding.bare))
        self._unrated = frozenset(holding.asset for holding in held if holding.asset and not rates.knows(holding.asset))
        self.lacks = bool(self._unpriced or self._unrated)
        """Whether anything is not shown, or not valued, for want of a price."""
        self._priced = tuple(holding.symbol for holding in priced)
        self._amounts = tuple(holding.quantity for holding in priced)
        self._bare = tuple(holding.bare for holding in priced) if any(holding.bare for holding in priced) else ()
        valued = [at for at, holding in enumerate(priced) if holding.valued]
        self._is_all_valued = len(valued) == len(priced)
        self._valued = range(len(priced)) if self._is_all_valued else tuple(valued)
        self._prepare_conversion([holding.asset for holding in priced if holding.valued and holding.asset])
        self._converting = tuple(dict.fromkeys(holding.asset for holding in held if holding.asset))
        self._head = head
        self._tail = (
            f'"Total":{_GAP},"UpdatedAt":{_GAP},"Source":{_GAP},"Currency":{quoted(rates.currency)},'
            f'"Unvalued":[{",".join(quoted(holding.symbol) for holding in held if not holding.valued)}]}}'
        )
        members = _members(self._priced)
        self._plain_parts = _parts(f'{head}{members}}},"Totals":{{{members}}}}},{self._tail}')
        self._full_parts: list[str] | None = None

    def can_show_more(self, prices: Mapping[str, Price]) -> bool:
        """Whether a price has come that this lacks."""
        return not prices.keys().isdisjoint(self._unpriced) or any(map(self._rates.knows, self._unrated))

    def plain(self, prices: Mapping[str, Price]) -> str:
        """The document at `prices`."""
        quotes = self._quotes(prices) if self._bare else list(map(prices.__getitem__, self._priced))
        if not quotes:
            return _filled(self._plain_parts, _UNPRICED)
        numbers, times_ms, sources, texts = zip(*quotes, strict=True)
        totals: list[Any] = list(map(mul, self._amounts, numbers))
        if self._is_own:
            totals.append(sum(totals))
        else:
            values = self._values(totals)
            if self._bare:
                self._show_bare(totals, values)
            totals.append(sum(values))
        return _filled(self._plain_parts, [*texts, *_texts(totals), *_newest(times_ms, sources)])

    def full(self, prices: Mapping[str, Price]) -> str:
        """The document at `prices`, with the values of its coins and the times of its prices."""
        if self._full_parts is None:
            self._full_parts = self._lay_out_full()
        quotes = self._quotes(prices) if self._bare else list(map(prices.__getitem__, self._priced))
        if not quotes:
            return _filled(self._full_parts, _UNPRICED_FULL)
        numbers, times_ms, sources, texts = zip(*quotes, strict=True)
        totals = list(map(mul, self._amounts, numbers))
        values = totals if self._is_own else self._values(totals)
        total = Decimal(sum(values))
        if self._bare:
            self._show_bare(totals, values)
        shown = _texts(totals)
        worth = shown if self._is_own else _texts(values)
        newest = _newest(times_ms, sources)
        times = [str(time_ms) if time_ms else newest[0] for time_ms in times_ms]
        return _filled(self._full_parts, [*texts, *shown, *worth, *times, *_texts([total]), *newest, self._rates_at()])

    def _quotes(self, prices: Mapping[str, Price]) -> list[Price]:
        """The prices of the coins that are shown, of which some are assets held by themselves."""
        shown = zip(self._priced, self._bare, strict=True)
        return [self._rates.holding(asset) if asset else prices[symbol] for symbol, asset in shown]

    def _prepare_conversion(self, assets: Sequence[str]) -> None:
        """For the assets of the coins that are valued."""
        currency, graph = self._rates.currency, self._rates.graph
        self._is_own = self._is_all_valued and all(asset == currency for asset in assets)
        self._assets = tuple(assets) if len(set(assets)) > 1 else tuple(assets[:1])
        self._converted = tuple(set(assets) - {currency})
        rounded = tuple(not is_exact(graph.path(asset, currency) or ()) for asset in assets)
        self._is_all_rounded = all(rounded)
        self._rounded = () if self._is_all_rounded else rounded

    def _values(self, totals: Sequence[Decimal]) -> list[Decimal]:
        """The values of the coins that have one."""
        if not self._assets:
            return []
        chosen = totals if self._is_all_valued else [totals[at] for at in self._valued]
        one_rate = len(self._assets) == 1
        rates = repeat(self._rates[self._assets[0]]) if one_rate else map(self._rates.__getitem__, self._assets)
        if self._is_all_rounded:
            return list(map(ROUNDING.quantize, map(PRODUCT.multiply, chosen, rates), repeat(UNIT)))
        return [
            ROUNDING.quantize(PRODUCT.multiply(total, rate), UNIT) if rounded else total * rate
            for rounded, total, rate in zip(self._rounded, chosen, rates, strict=False)  # one rate may be for all
        ]

    def _show_bare(self, totals: list[Decimal], values: Iterable[Decimal]) -> None:
        """Let the total of an asset that is held by itself be its value."""
        for at, value in zip(self._valued, values, strict=True):
            if self._bare[at]:
                totals[at] = value

    def _rates_at(self) -> str:
        """The time of the oldest price that converts anything here."""
        times_ms = [self._rates.holding(asset).event_time_ms for asset in self._converted]
        return str(min(times_ms)) if times_ms else "null"

    def _lay_out_full(self) -> list[str]:
        members, valued = _members(self._priced), _members(self._priced[at] for at in self._valued)
        return _parts(
            f'{self._head}{members}}},"Totals":{{{members}}},"Values":{{{valued}}},"Times":{{{members}}}}},'
            f'{self._tail[:-1]},"RatesAt":{_GAP},"Paths":{{{_paths(self._converting, self._rates)}}}}}'
        )


def _paths(assets: Iterable[str], rates: Rates) -> str:
    """The pairs that lead from each of the assets to the currency, as the graph has chosen them, priced or not."""
    paths = ((asset, rates.graph.path(asset, rates.currency)) for asset in assets)
    return ",".join(f"{quoted(asset)}:[{','.join(map(_leg, path))}]" for asset, path in paths if path)


def _leg(leg: Leg) -> str:
    return f'{{"Symbol":{quoted(leg.symbol)},"Backwards":{json.dumps(leg.backwards)}}}'


def _members(symbols: Iterable[str]) -> str:
    return ",".join(f"{quoted(symbol)}:{_GAP}" for symbol in symbols)


def _parts(text: str) -> list[str]:
    """The text, with an empty place for each gap. Odd places are for what changes.

    Most of the rest is the same in all documents: interned, it is in memory, and in the CPU's cache, once.
    """
    texts = text.split(_GAP)
    parts = [""] * (2 * len(texts) - 1)
    parts[::2] = map(sys.intern, texts)
    return parts


def _filled(parts: list[str], values: list[str]) -> str:
    filled = parts.copy()  # not filled in place: texts kept for a second are cold memory to free
    filled[1::2] = values
    return "".join(filled)


def _newest(times_ms: Sequence[int], sources: Sequence[str]) -> tuple[str, str]:
    """The newest event time and its source. The currency itself has no time."""
    newest_ms = max(times_ms)
    return (str(newest_ms), quoted(sources[times_ms.index(newest_ms)])) if newest_ms else ("null", "null")


def _texts(numbers: Iterable[Decimal]) -> list[str]:
    # The common case by hand: a zero to trim or an exponent is rare, and a call is not free.
    return [text if text[-1] != "0" and "E" not in text else _plain_text(text) for text in map(str, numbers)]


def _plain_text(text: str) -> str:
    """What `str(Decimal)` gives, as `plain` would write it."""
    if "E" in text:
        return plain(Decimal(text))
    return shortest(text)


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    return json.dumps(text)
