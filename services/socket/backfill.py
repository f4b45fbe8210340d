"""Fetching the trades that are missing in a sequence."""

import asyncio
from collections.abc import Callable

import structlog

from services.common.backoff import Backoff
from services.exchanges.errors import RateLimitedError, RestError
from services.exchanges.exchange import Exchange, TradeFrame
from services.exchanges.rest_client import RestClient
from services.socket import metrics
from services.socket.sequence import Gap, TradeSequence

log = structlog.get_logger()

_CONCURRENCY = 8
_MAX_FRUITLESS_PAGES = 3
_SETTLE_S = 0.1
"""Another connection may be about to bring what this one has skipped; REST may lag behind the stream."""
_CONGESTION_POLL_S = 0.05


class Backfill:
    """Fills gaps over REST, a few symbols at a time, each within a deadline."""

    def __init__(self, exchange: Exchange, rest: RestClient, deadline_s: float, max_ids: int) -> None:
        self._exchange = exchange
        self._rest = rest
        self._deadline_s = deadline_s
        self._max_ids = max_ids
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def fill(
        self,
        symbol: str,
        sequence: TradeSequence,
        accept: Callable[[TradeFrame], None],
        congested: Callable[[str], bool],
    ) -> bool:
        """Pass missing trades to `accept` until `sequence` has no gap; False if that could not be done in time.

        Waits while `congested`: live trades come first. Never raises; safe to cancel.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                await asyncio.sleep(_SETTLE_S)
                async with self._slots:
                    return await self._fill(symbol, sequence, accept, congested)
        except TimeoutError:
            log.warning("backfill.deadline_passed", symbol=symbol, deadline_s=self._deadline_s)
        except RateLimitedError as limited:
            log.warning("backfill.rate_limited", symbol=symbol, retry_after_s=limited.retry_after_s)
        return False

    async def _fill(
        self,
        symbol: str,
        sequence: TradeSequence,
        accept: Callable[[TradeFrame], None],
        congested: Callable[[str], bool],
    ) -> bool:
        backoff, fruitless = Backoff(base_s=0.2, cap_s=2.0), 0
        while (gap := sequence.gap) is not None:
            if gap.size > self._max_ids or fruitless == _MAX_FRUITLESS_PAGES:
                log.warning("backfill.given_up", symbol=symbol, first_id=gap.first, last_id=gap.last)
                return False
            while congested(symbol):  # noqa: ASYNC110 - a level that falls by itself, bounded by the deadline
                await asyncio.sleep(_CONGESTION_POLL_S)
            await asyncio.sleep(backoff.next_delay_s())
            page = await self._page(symbol, gap)
            missing = [t for t in page if t.trade_id <= gap.last and sequence.lacks(t.trade_id)]
            for trade in missing:
                accept(trade)
            metrics.BACKFILLED.inc(len(missing))
            if missing:
                backoff.reset()
            fruitless = 0 if missing else fruitless + 1
        return True

    async def _page(self, symbol: str, gap: Gap) -> list[TradeFrame]:
        """The first page of the gap; empty when REST fails."""
        count = min(gap.size, self._exchange.limits.trades_per_page)
        try:
            body = await self._rest.get(self._exchange.trades_request(symbol, gap.first, count))
            return self._exchange.parse_trades(symbol, body)
        except RateLimitedError:
            raise
        except RestError as error:
            log.warning("backfill.page_failed", symbol=symbol, error=str(error))
            return []
