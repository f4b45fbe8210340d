"""GET requests to the exchange's REST interface: bounded in time, size and weight, and subject to Retry-After."""

import time
from dataclasses import dataclass, field

import httpx
from prometheus_client import Counter

from services.common.network import proxy_for
from services.exchanges.errors import RateLimitedError, RestError
from services.exchanges.exchange import Limits, RestRequest
from services.exchanges.pacing import Budget

_TIMEOUT_S = 5.0
_MAX_BODY_BYTES = 64 * 1024 * 1024
_DEFAULT_RETRY_AFTER_S = 60.0
_MAX_RETRY_AFTER_S = 3_600.0
_TOO_MANY_REQUESTS, _BANNED = 429, 418


@dataclass(slots=True)
class RestClient:
    """Requests through `client` (with the REST base URL). Shares one weight budget between all callers."""

    client: httpx.AsyncClient
    budget: Budget
    requests: Counter
    """Of one label, the outcome: `ok`, `failed` or `rate_limited`."""
    _blocked_until_s: float = field(default=0.0)

    async def get(self, request: RestRequest) -> bytes:
        """The body of a 200 answer. Raises `RateLimitedError` or `RestError`. Safe to cancel."""
        self._check_not_blocked()
        await self.budget.spend(request.weight)
        self._check_not_blocked()
        try:
            body = await self._fetch(request)
        except RateLimitedError as limited:
            self.requests.labels("rate_limited").inc()
            self._blocked_until_s = time.monotonic() + limited.retry_after_s
            raise
        except RestError:
            self.requests.labels("failed").inc()
            raise
        self.requests.labels("ok").inc()
        return body

    def _check_not_blocked(self) -> None:
        remaining_s = self._blocked_until_s - time.monotonic()
        if remaining_s > 0:
            raise RateLimitedError(remaining_s)

    async def _fetch(self, request: RestRequest) -> bytes:
        try:
            async with self.client.stream("GET", request.path, params=request.params) as response:
                if is_ban(response.status_code):
                    raise RateLimitedError(retry_after_s(response.headers.get("Retry-After", "")))
                if response.status_code != httpx.codes.OK:
                    raise RestError(f"{request.path} answered {response.status_code}")
                return await _bounded_body(response)
        except httpx.HTTPError as error:
            raise RestError(f"{request.path}: {str(error) or type(error).__name__}") from error


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


def open_rest_client(base_url: str, limits: Limits, requests: Counter) -> RestClient:
    """A client for `base_url`. Close it with `await rest.client.aclose()`. Raises UnusableProxyError."""
    client = open_http_client(base_url, _TIMEOUT_S)
    return RestClient(client, Budget(limits.weight, limits.weight_period_s), requests)


async def _bounded_body(response: httpx.Response) -> bytes:
    chunks, size_bytes = [], 0
    async for chunk in response.aiter_bytes():
        size_bytes += len(chunk)
        if size_bytes > _MAX_BODY_BYTES:
            raise RestError(f"an answer above {_MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def is_ban(status: int) -> bool:
    """Whether the answer is a rate limit or a ban."""
    return status in (_TOO_MANY_REQUESTS, _BANNED)


def retry_after_s(header: str) -> float:
    """The delay of a Retry-After header, bounded."""
    is_number = header.isascii() and header.isdecimal()
    return min(float(header), _MAX_RETRY_AFTER_S) if is_number else _DEFAULT_RETRY_AFTER_S
