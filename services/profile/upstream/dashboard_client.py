"""The market API of the dashboard service, handed through: bounded in number, time and size, and never in memory whole.

Its answers go out as they came, with what caches and pagers need of their headers: it is a public API of ours, whose
sentences are meant for people. Any other answer becomes 503 `market_unavailable`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import quote

import httpx
import structlog
from fastapi import Request, Response
from pydantic import HttpUrl
from starlette.types import Receive, Scope, Send

from services.common.abandoned import refund_if_abandoned
from services.common.client_limits import ClientLimit, client_key
from services.common.conventions import is_head
from services.common.errors import InvalidError, TooManyError, UnavailableError
from services.profile import metrics

log = structlog.get_logger()

MAX_AT_ONCE = 64
MAX_AT_ONCE_PER_CLIENT = 8
"""A client that reads slowly holds one of these until `BODY_TIMEOUT_S`."""
MAX_WAITING_PER_CLIENT = 24
"""Several tabs that load at once wait for each other, and are not refused."""
BODY_TIMEOUT_S = 30.0
MAX_BODY_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
MAX_QUERY_LENGTH = 48 * 1024
"""Percent-encoded. With the rest of the head it stays below what uvicorn reads and httpx sends, 64 KiB."""

_PASSED_REQUEST_HEADERS = ("if-none-match", "accept-encoding")
_PASSED_HEADERS = (
    "content-type",
    "content-length",
    "content-encoding",
    "content-disposition",
    "etag",
    "cache-control",
    "vary",
    "retry-after",
    "x-next",
    "x-previous",
    "x-source",
)
_DOCUMENTED = frozenset({200, 304, 404, 422, 429, 503})


@dataclass(slots=True)
class _Turns:
    """The requests of one client: those that are asked, and those that wait."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_AT_ONCE_PER_CLIENT))
    inside: int = 0


class Market:
    """Where market requests go. Without `base_url`, and whenever no answer comes, they are 503."""

    def __init__(self, http: httpx.AsyncClient | None, timeout_s: float, rate: str) -> None:
        self._http = http
        self._timeout_s = timeout_s
        self._limit = ClientLimit(rate)
        self._turns: dict[str, _Turns] = {}
        self._open = 0

    def spend(self, request: Request) -> None:
        """Raises TooManyError when this client has asked as often as it may. What is abandoned does not count."""
        address = request.client.host if request.client else None
        wait_s = self._limit.spend(address)
        if wait_s:
            metrics.MARKET_REQUESTS.labels("limited").inc()
            raise TooManyError("too_many_requests", f"Too many requests. Try again in {wait_s} s.", wait_s)
        refund_if_abandoned(request.scope, partial(self._limit.refund, address))

    def relay(self, request: Request, *path: str) -> Response:
        """The answer of the dashboard to the same query at `path`; it is asked for when this one is sent.

        Raises InvalidError for a query that the dashboard would not read.
        """
        if len(request.url.query) > MAX_QUERY_LENGTH:
            raise InvalidError("invalid_request", "The query is too long.")
        target = "/v1/" + "/".join(quote(part, safe="").replace(".", "%2E") for part in path)
        return _Relayed(self, request, target)

    @asynccontextmanager
    async def ask(self, request: Request, target: str) -> AsyncIterator[httpx.Response]:
        """The answer's head, its body still to be read. Raises UnavailableError, TooManyError."""
        address = request.client.host if request.client else None
        if self._http is None:
            raise _unavailable("not_configured")
        async with self._slot(client_key(address)):
            answer = await self._send(self._http, request, target, address)
            try:
                _require_documented(answer)
                yield answer
            finally:
                await answer.aclose()

    async def _send(
        self, http: httpx.AsyncClient, request: Request, target: str, address: str | None
    ) -> httpx.Response:
        passed = {name: request.headers[name] for name in _PASSED_REQUEST_HEADERS if name in request.headers}
        if address is not None:
            passed["x-forwarded-for"] = address
        headers = httpx.Headers(passed, encoding="latin-1")  # the bytes that came, unchanged
        url = http.base_url.join(f"{target}?{request.url.query}" if request.url.query else target)
        try:
            async with asyncio.timeout(self._timeout_s):
                # Not by the client's own `build_request`, which adds the cookies that earlier answers have set.
                method = "HEAD" if is_head(request.scope) else "GET"
                return await http.send(httpx.Request(method, url, headers=headers), stream=True)
        except (httpx.HTTPError, TimeoutError) as error:
            raise _unavailable(type(error).__name__) from error

    @asynccontextmanager
    async def _slot(self, client: str) -> AsyncIterator[None]:
        """A place among the requests of one client; the next ones wait for it, in the order of their coming."""
        turns = self._turns.setdefault(client, _Turns())
        if turns.inside >= MAX_AT_ONCE_PER_CLIENT + MAX_WAITING_PER_CLIENT:
            raise _too_many_at_once()
        turns.inside += 1
        try:
            await _take_turn(turns, self._timeout_s)
            try:
                if self._open >= MAX_AT_ONCE:
                    raise _unavailable("full")
                self._open += 1
                try:
                    yield
                finally:
                    self._open -= 1
            finally:
                turns.places.release()
        finally:
            turns.inside -= 1
            if not turns.inside:
                del self._turns[client]


class _Relayed(Response):
    """Asks when it is sent, so that what it holds is let go in the same place, however the sending ends."""

    def __init__(self, market: Market, request: Request, target: str) -> None:
        super().__init__()
        self._market, self._request, self._target = market, request, target

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        async with self._market.ask(self._request, self._target) as answer:
            headers = [
                (name.encode(), answer.headers[name].encode()) for name in _PASSED_HEADERS if name in answer.headers
            ]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    await _send_body(answer, send)
            except (httpx.HTTPError, TimeoutError, _TooLargeError) as error:
                # The head has left: an answer without its end is cut, and shorter than its length announces.
                metrics.MARKET_REQUESTS.labels("cut").inc()
                log.warning("market.answer_cut", reason=type(error).__name__)
                return
            metrics.MARKET_REQUESTS.labels(str(answer.status_code)).inc()


async def _take_turn(turns: _Turns, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await turns.places.acquire()
    except TimeoutError as error:
        raise _too_many_at_once() from error


def _too_many_at_once() -> TooManyError:
    metrics.MARKET_REQUESTS.labels("limited").inc()
    return TooManyError("too_many_requests", "Too many requests at once. Wait for some to end.", 1)


class _TooLargeError(Exception):
    """More than any answer of the market API may have."""


async def _send_body(answer: httpx.Response, send: Send) -> None:
    sent_bytes = 0
    async for chunk in answer.aiter_raw(CHUNK_BYTES):
        sent_bytes += len(chunk)
        if sent_bytes > MAX_BODY_BYTES:
            raise _TooLargeError
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def open_market(base_url: HttpUrl | None, timeout_s: float, rate: str) -> AsyncIterator[Market]:
    """A market with a bounded pool of connections. Deadlines are its own: httpx's begin anew with every byte."""
    if base_url is None:
        yield Market(None, timeout_s, rate)
        return
    limits = httpx.Limits(max_connections=MAX_AT_ONCE, max_keepalive_connections=MAX_AT_ONCE_PER_CLIENT)
    async with httpx.AsyncClient(base_url=str(base_url), timeout=None, limits=limits, trust_env=False) as http:  # noqa: S113
        yield Market(http, timeout_s, rate)


def _require_documented(answer: httpx.Response) -> None:
    """Raises UnavailableError for what is no answer of the market API: an overloaded server's text, a proxy's page."""
    is_error = answer.is_error and answer.headers.get("content-type", "").partition(";")[0] != "application/json"
    if answer.status_code not in _DOCUMENTED or is_error:
        raise _unavailable(str(answer.status_code))


def _unavailable(reason: str) -> UnavailableError:
    metrics.MARKET_REQUESTS.labels("unavailable").inc()
    log.warning("market.unavailable", reason=reason)
    return UnavailableError(
        "market_unavailable", "Market data cannot be read now. Try again shortly.", headers={"Retry-After": "2"}
    )
