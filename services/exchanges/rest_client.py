"""GET requests to the exchange's REST interface: bounded in time, size and weight, and subject to Retry-After."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx
import structlog
from prometheus_client import Counter

from services.common.network import proxy_for
from services.exchanges.errors import RateLimitedError, RestError
from services.exchanges.exchange import Exchange, RestRequest
from services.exchanges.weight import WeightLimit

log = structlog.get_logger()

_TIMEOUT_S = 5.0
_MAX_BODY_BYTES = 64 * 1024 * 1024
_DEFAULT_RETRY_AFTER_S = 60.0
_MAX_RETRY_AFTER_S = 3_600.0
_TOO_MANY_REQUESTS, _BANNED = 429, 418
_clock_s = time.time


@dataclass(slots=True)
class RestClient:
    """Requests through `client` (with the REST base URL), within `limit`, which all callers share."""

    exchange: Exchange
    client: httpx.AsyncClient
    limit: WeightLimit
    requests: Counter
    """Of one label, the outcome: `ok`, `failed` or `rate_limited`."""

    async def get(self, request: RestRequest) -> bytes:
        """The body of a 200 answer. Raises `RateLimitedError` or `RestError`. Safe to cancel."""
        await self.limit.spend(request.weight)
        try:
            body = await self._fetch(request)
        except RateLimitedError as limited:
            self.requests.labels("rate_limited").inc()
            self.limit.block(limited.retry_after_s)
            raise
        except RestError:
            self.requests.labels("failed").inc()
            raise
        self.requests.labels("ok").inc()
        return body

    async def _fetch(self, request: RestRequest) -> bytes:
        try:
            async with self.client.stream("GET", request.path, params=request.params) as response:
                self._note(response.headers)
                if is_ban(response.status_code):
                    raise RateLimitedError(retry_after_s(response.headers.get("Retry-After", "")))
                if response.status_code != httpx.codes.OK:
                    raise RestError(f"{request.path} answered {response.status_code}")
                return await _bounded_body(response)
        except httpx.HTTPError as error:
            raise RestError(f"{request.path}: {str(error) or type(error).__name__}") from error

    def _note(self, headers: Mapping[str, str]) -> None:
        """The exchange's clock, to a second, and its count."""
        sent_s = _sent_s(headers)
        if sent_s is not None:
            self.limit.ahead_s = sent_s - _clock_s()
        self.limit.note(self.exchange.used_weight(headers))


def open_http_client(base_url: str, timeout_s: float) -> httpx.AsyncClient:
    """A client for `base_url`, through the proxy of the environment if there is one; the caller closes it.

    Raises UnusableProxyError.
    """
    proxy = proxy_for(base_url)
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=timeout_s,
        proxy=proxy.url if proxy else None,
        verify=httpx.create_ssl_context(),  # with the environment's certificates, though without its other proxies
        trust_env=False,
    )


def open_rest_client(base_url: str, exchange: Exchange, requests: Counter) -> RestClient:
    """A client for what cannot wait. Close it with `await rest.client.aclose()`. Raises UnusableProxyError."""
    limit = WeightLimit(lambda text: log.info("rest.limit", text=text), exchange.limits.urgent_weight)
    return RestClient(exchange, open_http_client(base_url, _TIMEOUT_S), limit, requests)


async def _bounded_body(response: httpx.Response) -> bytes:
    chunks, size_bytes = [], 0
    async for chunk in response.aiter_bytes():
        size_bytes += len(chunk)
        if size_bytes > _MAX_BODY_BYTES:
            raise RestError(f"an answer above {_MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _sent_s(headers: Mapping[str, str]) -> float | None:
    """When an answer was sent, in Unix time; None if it does not name that."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, OverflowError):
        return None


def is_ban(status: int) -> bool:
    """Whether the answer is a rate limit or a ban."""
    return status in (_TOO_MANY_REQUESTS, _BANNED)


def retry_after_s(header: str, longest_s: float = _MAX_RETRY_AFTER_S) -> float:
    """The delay of a Retry-After header, `longest_s` at most."""
    is_number = header.isascii() and header.isdecimal()
    return min(float(header), longest_s) if is_number else _DEFAULT_RETRY_AFTER_S
