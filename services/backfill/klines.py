"""Klines from the exchange's REST interface, within its limits: bounded in time, size and weight, each page retried.

Protocol: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints. A kline is an array;
decimals are text and stay it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated

import httpx
import msgspec

from services.backfill.errors import (
    BackfillError,
    ExchangeError,
    RateLimitedError,
    TemporarilyUnavailableError,
    UsageError,
)
from services.backfill.plan import Interval
from services.backfill.retries import retry_until
from services.market.decimals import PLAIN_DECIMAL

MAX_WEIGHT = 3_000
"""Of the 6,000 a minute that an address may use. Above it we wait for the next minute: others share the address."""

_sleep = asyncio.sleep
_clock_s = time.time
_TIMEOUT_S = 10.0
_DEADLINE_S = 30.0
_MAX_BODY_BYTES = 4 * 1024 * 1024
_DEFAULT_RETRY_AFTER_S = 60.0
_TOO_MANY_REQUESTS, _BANNED = 429, 418
_SERVER_ERRORS = 500
_INVALID_SYMBOL = -1121

Amount = Annotated[str, msgspec.Meta(pattern=f"^{PLAIN_DECIMAL}$")]
"""What fits a Decimal(38, 18), in plain notation."""


class Kline(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row of `klines`, as far as we read it. Times in ms."""

    open_ms: int
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Amount
    close_ms: int
    quote_volume: Amount


class _Time(msgspec.Struct, gc=False, rename="camel"):
    server_time: int


class _Refusal(msgspec.Struct, gc=False):
    code: int = 0
    msg: str = ""


_klines = msgspec.json.Decoder(list[Kline])
_time = msgspec.json.Decoder(_Time)
_refusal = msgspec.json.Decoder(_Refusal)


@dataclass(slots=True)
class KlineSource:
    """Klines through `client` (with the REST base URL). One caller at a time. `say` is told why it takes long."""

    client: httpx.AsyncClient
    patience_s: float
    say: Callable[[str], None]
    max_weight: int = MAX_WEIGHT
    _used_weight: int = field(default=0)
    _used_in_minute: int = field(default=0)

    async def now_ms(self) -> int:
        """The exchange's clock. Raises `ExchangeError` or `TemporarilyUnavailableError`."""
        body = await self._get("/api/v3/time", {})
        try:
            return _time.decode(body).server_time
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ExchangeError(f"the exchange's time is malformed: {error}") from error

    async def page(self, symbol: str, interval: Interval, first: int, count: int) -> list[Kline]:
        """The first `count` klines that the exchange has from candle `first` on, ascending; fewer at the end.

        The last may still be forming. Raises `UsageError` for an unknown symbol, `ExchangeError`, or
        `TemporarilyUnavailableError` when patience is over. Safe to cancel.
        """
        start_ms = first * interval.length_ms
        params = {"symbol": symbol, "interval": interval.name, "startTime": str(start_ms), "limit": str(count)}
        body = await self._get("/api/v3/klines", params)
        try:
            page = _klines.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ExchangeError(f"the exchange's klines are malformed: {error}") from error
        _check(page, interval, start_ms)
        return page

    async def _get(self, path: str, params: dict[str, str]) -> bytes:
        await self._stay_within_limit()
        return await retry_until(lambda: self._fetch(path, params), self.patience_s, self.say)

    async def _stay_within_limit(self) -> None:
        """Wait for the next minute once this one's weight is used up."""
        now_s = _clock_s()
        if self._used_weight >= self.max_weight and int(now_s // 60) == self._used_in_minute:
            wait_s = 60 - now_s % 60
            self.say(f"within the exchange's limit: going on in {wait_s:.0f} s")
            await _sleep(wait_s)

    async def _fetch(self, path: str, params: dict[str, str]) -> bytes:
        try:
            async with asyncio.timeout(_DEADLINE_S), self.client.stream("GET", path, params=params) as response:
                self._note_weight(response)
                body = await _bounded_body(response)
        except (httpx.HTTPError, TimeoutError) as error:
            raise TemporarilyUnavailableError(
                f"no answer from {self.client.base_url}: {str(error) or type(error).__name__}"
            ) from error
        if response.status_code != httpx.codes.OK:
            raise _refused(response, body, params.get("symbol", ""))
        return body

    def _note_weight(self, response: httpx.Response) -> None:
        """What this address has used in this minute, as the exchange counts it."""
        text = response.headers.get("X-MBX-USED-WEIGHT-1M", "")
        self._used_weight = int(text) if text.isdecimal() else 0
        self._used_in_minute = int(_clock_s() // 60)


def open_http_client(base_url: str) -> httpx.AsyncClient:
    """For `KlineSource`; the caller closes it. A proxy of the environment is used, but not to this machine."""
    local = httpx.URL(base_url).host in {"127.0.0.1", "::1", "localhost"}
    return httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT_S, trust_env=not local)


def _refused(response: httpx.Response, body: bytes, symbol: str) -> BackfillError:
    status = response.status_code
    if status in (_TOO_MANY_REQUESTS, _BANNED):
        return RateLimitedError(_retry_after_s(response))
    if status >= _SERVER_ERRORS:
        return TemporarilyUnavailableError(f"the exchange answers {status}")
    refusal = _refusal_in(body)
    if refusal.code == _INVALID_SYMBOL:
        return UsageError(f"the exchange does not know the symbol {symbol}")
    return ExchangeError(f"the exchange refuses: {refusal.msg[:200] or 'no reason given'} ({status})")


def _refusal_in(body: bytes) -> _Refusal:
    try:
        return _refusal.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Refusal()


def _retry_after_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else _DEFAULT_RETRY_AFTER_S


async def _bounded_body(response: httpx.Response) -> bytes:
    chunks, size_bytes = [], 0
    async for chunk in response.aiter_bytes():
        size_bytes += len(chunk)
        if size_bytes > _MAX_BODY_BYTES:
            raise ExchangeError(f"the exchange's answer is longer than {_MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _check(page: list[Kline], interval: Interval, start_ms: int) -> None:
    """Refuse a page of which any row cannot be true: what is written as exact is never corrected."""
    next_ms = start_ms
    for kline in page:
        low, high = Decimal(kline.low), Decimal(kline.high)
        inside = all(low <= Decimal(price) <= high for price in (kline.open, kline.close))
        if kline.open_ms < next_ms or kline.open_ms % interval.length_ms or not inside or low <= 0:
            raise ExchangeError(f"the exchange's {interval.name} kline of {kline.open_ms} cannot be true")
        next_ms = kline.open_ms + interval.length_ms
