"""The repair of the tape: gaps found in what is stored, fetched from the exchange, and the ledger of what is there.

Everything is worked out from the stored ids alone, regardless of what lost a trade: a killed aggregator, socket or
consumer, an outage of Kafka, a network. A repeated or interrupted pass changes nothing that the next one would not.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import NoReturn

import structlog

from services.backfill import metrics
from services.backfill.errors import AccessDeniedError, BackfillError, ExchangeError, RateLimitedError
from services.backfill.tape import (
    EXCHANGE_LACKS,
    MAX_GAP_IDS,
    PENDING,
    TOO_LONG,
    Gap,
    HourKey,
    Seen,
    coverage_of,
    missing_in,
)
from services.backfill.tape_store import TapeStore
from services.backfill.trade_source import TradeSource
from services.common.backoff import Backoff

log = structlog.get_logger()

LATE_MS = 60_000
"""An insert may show so much later than its rows' time of insertion: it is given 30 s before it is sent again."""
TRIES = 3
"""So often the exchange lacks a trade before that is believed: its REST interface may lag behind its stream."""
MAX_KNOWN = 100_000
DENIED_S = 600.0
CAP_S = 60.0
HOUR_S = 3_600
_sleep = asyncio.sleep


@dataclass(slots=True)
class TapeRepair:
    """`run` looks every `interval_s`."""

    source: TradeSource
    store: TapeStore
    interval_s: float
    _since_ms: int | None = field(default=None, init=False)
    _settled_ms: int = field(default=0, init=False)
    """What was inserted before was in the ledger when this pass began. The next process goes on from there."""
    _open: set[HourKey] = field(default_factory=set, init=False)
    """Hours of which something is still to be fetched."""
    _before: dict[HourKey, int | None] = field(default_factory=dict, init=False)
    """The last id before an hour."""
    _final: dict[tuple[str, int], str] = field(default_factory=dict, init=False)
    """Why a gap that begins at an id stays. The next process finds out anew."""
    _tries: dict[tuple[str, int], int] = field(default_factory=dict, init=False)
    _obstacle: BackfillError | None = field(default=None, init=False)
    """What is in the way in this pass."""

    async def run(self) -> NoReturn:
        """Repair until cancelled. ClickHouse and the exchange may come and go."""
        backoff = Backoff(base_s=1.0, cap_s=CAP_S)
        while True:
            try:
                await self.look()
            except BackfillError as error:
                wait_s = _wait_s(error) or backoff.next_delay_s()
                metrics.SETBACKS.labels(type(error).__name__.removesuffix("Error")).inc()
                log.warning("tape.paused", reason=str(error), wait_s=round(wait_s, 1))
                await _sleep(wait_s)
            else:
                backoff.reset()
            await _sleep(self.interval_s)

    async def look(self) -> None:
        """One pass over the hours that have changed, and over those that are open.

        Once something is in the way of what is asked of the exchange, nothing more is asked; the ledger is written all
        the same, and then that is raised.
        """
        self._obstacle = None
        since_ms = self._since_ms
        if since_ms is None:
            since_ms = await self.store.settled_ms()
            self._open.update(await self.store.pending())
        self._settled_ms = since_ms
        touched, newest_ms = await self.store.touched(since_ms)
        # What ends an hour later than it did changes what is missing in the next one.
        following = {HourKey(symbol, start_s + HOUR_S) for symbol, start_s in touched}
        self._forget(following)
        hours = sorted({*touched, *following, *self._open}, key=_by_start)
        for start_s, group in groupby(hours, key=lambda hour: hour.start_s):
            await self._settle(start_s, [hour.symbol for hour in group])
        self._since_ms = max(since_ms, newest_ms - LATE_MS)
        if self._obstacle is not None:
            raise self._obstacle

    def _forget(self, changed: Iterable[HourKey]) -> None:
        for hour in changed:
            self._before.pop(hour, None)
        for known in (self._before, self._final, self._tries):
            if len(known) > MAX_KNOWN:
                known.clear()  # what is forgotten is found out anew

    async def _settle(self, start_s: int, symbols: Collection[str]) -> None:
        """Fetch what is missing in an hour, and write its rows."""
        seen = await self.store.seen(start_s, symbols)
        self._open.difference_update(HourKey(symbol, start_s) for symbol in symbols if symbol not in seen)
        whole = []
        for symbol, stored in sorted(seen.items()):
            hour = HourKey(symbol, start_s)
            before = await self._id_before(hour, stored)
            if missing_in(stored, before):
                await self._repair(hour, stored, before)
            else:
                self._open.discard(hour)
                whole.append(coverage_of(hour, stored, before, ()))
        await self.store.write(whole, self._settled_ms)

    async def _id_before(self, hour: HourKey, seen: Seen) -> int | None:
        if hour not in self._before:
            self._before[hour] = await self.store.id_before(hour.symbol, seen.first_id)
        return self._before[hour]

    async def _repair(self, hour: HourKey, seen: Seen, before: int | None) -> None:
        """Fetch the gaps of an hour, and write its row; also while the exchange is in the way."""
        self._open.add(hour)
        reasons: set[str] = set()
        for gap in await self.store.gaps(hour, seen.first_id - 1 if before is None else before):
            reasons |= await self._tried(gap) if self._obstacle is None else {PENDING}
        await self._note(hour, reasons)

    async def _tried(self, gap: Gap) -> set[str]:
        """As `_fill`, with what is in the way as a reason to come again."""
        try:
            return await self._fill(gap)
        except BackfillError as error:
            if type(error) is ExchangeError:  # nonsense about one symbol is no obstacle to the others
                log.warning("tape.unanswered", symbol=gap.hour.symbol, first=gap.first, reason=str(error))
            else:
                self._obstacle = error
            return {PENDING}

    async def _note(self, hour: HourKey, reasons: set[str]) -> None:
        seen = (await self.store.seen(hour.start_s, [hour.symbol])).get(hour.symbol)
        if seen is None:  # its time to be kept is over
            return
        self._before.pop(hour, None)
        before = await self._id_before(hour, seen)
        row = coverage_of(hour, seen, before, reasons)
        if row.is_final:
            self._open.discard(hour)
        await self.store.write([row], self._settled_ms)

    async def _fill(self, gap: Gap) -> set[str]:
        """Fetch a gap and store it; why something of it remains missing."""
        symbol, expected = gap.hour.symbol, gap.first
        if known := self._final.get((symbol, gap.first)):
            return {known}
        if gap.size > MAX_GAP_IDS:
            return self._give_up(symbol, gap.first, gap.last, TOO_LONG)
        reasons: set[str] = set()
        while expected <= gap.last:
            page = await self.source.page(symbol, expected, gap.last)
            await self.store.add(page)
            metrics.TRADES_FILLED.inc(len(page))
            for trade in page:
                if trade.a > expected:
                    reasons |= self._lack(symbol, expected, trade.a - 1)
                expected = trade.a + 1
            if not page:
                reasons |= self._lack(symbol, expected, gap.last)
                break
        log.info("tape.filled", symbol=symbol, first=gap.first, last=gap.last, until=expected - 1)
        return reasons

    def _lack(self, symbol: str, first: int, last: int) -> set[str]:
        """The exchange has not given these ids: final, once it has not given them often enough."""
        tries = self._tries[symbol, first] = self._tries.get((symbol, first), 0) + 1
        return self._give_up(symbol, first, last, EXCHANGE_LACKS) if tries >= TRIES else {PENDING}

    def _give_up(self, symbol: str, first: int, last: int, reason: str) -> set[str]:
        self._final[symbol, first] = reason
        metrics.TRADES_MISSING.labels(reason).inc(last - first + 1)
        log.warning("tape.missing", symbol=symbol, first=first, last=last, reason=reason)
        return {reason}


def _by_start(hour: HourKey) -> tuple[int, str]:
    return hour.start_s, hour.symbol


def _wait_s(error: BackfillError) -> float | None:
    """How long the exchange wants to be left alone."""
    if isinstance(error, RateLimitedError):
        return error.retry_after_s
    return DENIED_S if isinstance(error, AccessDeniedError) else None
