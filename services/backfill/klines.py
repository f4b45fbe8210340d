"""Klines from the exchange's REST interface, within its limits: bounded in time, size and weight, each page retried."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx

from services.backfill.errors import (
    AccessDeniedError,
    BackfillError,
    ExchangeError,
    RateLimitedError,
    TemporarilyUnavailableError,
    UsageError,
)
from services.backfill.plan import Interval, time_text
from services.backfill.retries import MAX_RETRY_AFTER_S, retry_until
from services.common.network import proxy_for, through
from services.exchanges import errors as exchange_errors
from services.exchanges import rest_client
from services.exchanges.clock import LATEST_MS, MAX_OFFSET_MS, is_time
from services.exchanges.errors import RestError
from services.exchanges.exchange import Exchange, RestRequest
from services.exchanges.weight import WeightLimit
from services.market.events import Kline

_clock_s = time.time
_TIMEOUT_S = 20.0
_DEADLINE_S = 30.0
_MAX_BODY_BYTES = 4 * 1024 * 1024
_LONGEST_RETRY_AFTER_S = 6 * 3_600.0
"""A ban may last for days, and one request in so long does not prolong it; a wrong number must not hold for ever."""
_FORBIDDEN, _UNLAWFUL = 403, 451
_SERVER_ERRORS = 500
_CLOCK_LEEWAY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Page:
    """The exchange's klines from a candle on, without those that cannot be true."""

    klines: list[Kline]
    """Ascending, each once."""
    until: int | None
    """The candle up to which the exchange has answered; None if it has nothing more."""
    rejected: list[str]
    """The rows that cannot be true, each named."""


@dataclass(slots=True)
class KlineSource:
    """Klines through `client` (with the REST base URL), within `limit`. `report` gets the reason of each wait.

    Several tasks may call at once.
    """

    exchange: Exchange
    client: httpx.AsyncClient
    limit: WeightLimit
    patience_s: float
    report: Callable[[str], None]
    max_retry_after_s: float = MAX_RETRY_AFTER_S
    """A longer request to stay away is raised instead of waited for."""
    latest_ms: int = LATEST_MS
    """No kline is later; `note_time` sets it by the exchange's clock."""

    async def now_ms(self) -> int:
        """The exchange's clock. Raises `ExchangeError` or `TemporarilyUnavailableError`."""
        body = await self.get(self.exchange.time_request())
        try:
            now_ms = self.exchange.parse_time(body)
        except RestError as error:
            raise ExchangeError(str(error)) from error
        # What is asked for by a clock of next year would count as filled.
        if not is_time(now_ms) or now_ms > _clock_s() * 1_000 + MAX_OFFSET_MS:
            raise ExchangeError(f"the exchange's time cannot be {now_ms} ms")
        self.note_time(now_ms)
        return now_ms

    def note_time(self, now_ms: int) -> None:
        """It is `now_ms` by the exchange's clock."""
        self.latest_ms = now_ms + _CLOCK_LEEWAY_MS
        self.limit.ahead_s = now_ms / 1_000 - _clock_s()

    async def page(self, symbol: str, interval: Interval, first: int, count: int) -> Page:
        """The first klines, at most `count`, that the exchange has from candle `first` on; none at the end.

        A row that cannot be true costs only itself: what is written as exact is never corrected. The last row may still
        be forming. Raises `UsageError` for an unknown symbol, `ExchangeError`, or
        `TemporarilyUnavailableError` when patience is over. Safe to cancel.
        """
        start_ms = first * interval.length_ms
        body = await self.get(self.exchange.klines_request(symbol, interval.name, start_ms, count))
        unreadable: list[str] = []

        def reject(row: bytes, reason: str) -> None:
            unreadable.append(f"{row[:40].decode(errors='replace')} ({reason})")

        try:
            rows = self.exchange.parse_klines(body, reject)
        except RestError as error:
            raise ExchangeError(str(error)) from error
        klines, untrue = _judge(rows, interval, start_ms, self.latest_ms)
        klines = _before_leaps(klines, interval, count)
        # A short answer is not taken for the end: what lies beyond would count as not to be had.
        answered = len(rows) + len(unreadable)
        if not answered:
            return Page([], None, [])
        # So many rows, one to a candle at most, cover as many candles at least.
        covered = klines[-1].open_ms // interval.length_ms + 1 if klines else first + answered
        return Page(klines, covered, unreadable + untrue)

    async def get(self, request: RestRequest) -> bytes:
        """The body of an answer, within the limit. Raises as `page`. Safe to cancel."""
        return await retry_until(lambda: self._fetch(request), self.patience_s, self.report, self.max_retry_after_s)

    async def _fetch(self, request: RestRequest) -> bytes:
        path, params = request.path, request.params
        try:
            await self.limit.spend(request.weight)
        except exchange_errors.RateLimitedError as error:
            raise RateLimitedError(error.retry_after_s) from error
        try:
            async with asyncio.timeout(_DEADLINE_S), self.client.stream("GET", path, params=params) as response:
                self.limit.note(self.exchange.used_weight(response.headers))
                body = await _bounded_body(response)
        except (httpx.HTTPError, TimeoutError) as error:
            raise TemporarilyUnavailableError(
                f"no answer from {self.client.base_url}{through(proxy_for(str(self.client.base_url)))}: "
                f"{str(error) or type(error).__name__}"
            ) from error
        if response.status_code != httpx.codes.OK:
            raise self._refused(response, body, params.get("symbol", ""))
        return body

    def _refused(self, response: httpx.Response, body: bytes, symbol: str) -> BackfillError:
        status = response.status_code
        if rest_client.is_ban(status):
            header = response.headers.get("Retry-After", "")
            return RateLimitedError(rest_client.retry_after_s(header, _LONGEST_RETRY_AFTER_S))
        if status >= _SERVER_ERRORS:
            return TemporarilyUnavailableError(f"the exchange answers {status}")
        if self.exchange.is_unknown_symbol(body):
            return UsageError(f"the exchange does not know the symbol {symbol}")
        reason = self.exchange.refusal(body)[:200] or "no reason given"
        if status in (_FORBIDDEN, _UNLAWFUL):
            return AccessDeniedError(f"the exchange serves nothing to this address: {reason} ({status})")
        return ExchangeError(f"the exchange refuses: {reason} ({status})")


def open_http_client(base_url: str) -> httpx.AsyncClient:
    """For `KlineSource`; the caller closes it. Raises UnusableProxyError."""
    return rest_client.open_http_client(base_url, _TIMEOUT_S)


async def _bounded_body(response: httpx.Response) -> bytes:
    chunks, size_bytes = [], 0
    async for chunk in response.aiter_bytes():
        size_bytes += len(chunk)
        if size_bytes > _MAX_BODY_BYTES:
            raise ExchangeError(f"the exchange's answer is longer than {_MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _judge(rows: Sequence[Kline], interval: Interval, start_ms: int, latest_ms: int) -> tuple[list[Kline], list[str]]:
    """The klines that can be true, ascending, and the names of the others."""
    found: dict[int, Kline] = {}
    rejected: list[str] = []
    contradicted: set[int] = set()
    for kline in rows:
        if problem := _problem(kline, interval, start_ms, latest_ms):
            rejected.append(f"{_time_of(kline)} ({problem})")
        elif found.setdefault(kline.open_ms, kline) != kline:
            contradicted.add(kline.open_ms)
    rejected += [f"{_time_of(found.pop(open_ms))} (twice, and different)" for open_ms in sorted(contradicted)]
    return [found[open_ms] for open_ms in sorted(found)], rejected


def _before_leaps(klines: list[Kline], interval: Interval, count: int) -> list[Kline]:
    """The klines (ascending) without a last one that stands apart, and without those before it that follow a gap longer
    than a page.

    By one row with a wrong time, all candles up to it would count as not to be had. A true one begins the next page.
    """
    kept, allowed = list(klines), 1
    while len(kept) > 1 and kept[-1].open_ms - kept[-2].open_ms > allowed * interval.length_ms:
        kept.pop()
        allowed = count
    return kept


def _problem(kline: Kline, interval: Interval, start_ms: int, latest_ms: int) -> str | None:
    low, high = Decimal(kline.low), Decimal(kline.high)
    if not start_ms <= kline.open_ms <= latest_ms:
        return "not what was asked for"
    if kline.open_ms % interval.length_ms:
        return f"no start of a candle of {interval.name}"
    if low <= 0 or not all(low <= Decimal(price) <= high for price in (kline.open, kline.close)):
        return "its prices contradict one another"
    return None


def _time_of(kline: Kline) -> str:
    return time_text(kline.open_ms) if is_time(kline.open_ms) else f"{kline.open_ms} ms"
