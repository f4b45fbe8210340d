"""Client of the aggregator: HTTP in, plain values or `ApiError` out, each request within its deadline."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import httpx
import msgspec
import structlog

from services.common.errors import ApiError, ConflictError, NotFoundError, UnavailableError
from services.profile import metrics

log = structlog.get_logger()

MAX_CONNECTIONS = 20
MAX_NEAR = 10

_UNKNOWN_SYMBOL = (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST)
"""Ours answers 404; the Go original, which asks the exchange, may answer 400."""


_NOT_TRADED = {
    "delisted": "{} is no longer traded on the exchange, so it cannot be added.",
    "not_trading": "The exchange does not trade {} at the moment, so it cannot be added now.",
}


@dataclass(frozen=True, slots=True)
class Followed:
    """The aggregator's answer to a follow, as the REST contract hands it on."""

    status: str
    symbol: str


class _Followed(msgspec.Struct):
    status: str
    symbol: str


class _Renewed(msgspec.Struct):
    unknown: dict[str, msgspec.Raw] = {}


class _Refusal(msgspec.Struct):
    code: str = ""
    near: list[str] = []


class LeasesUnsupportedError(Exception):
    """The peer has no `PUT /followers/{id}`: it is the Go original."""


def open_client(base_url: str) -> httpx.AsyncClient:
    """A client with a bounded pool. Deadlines are `Aggregator`'s: httpx's own begin anew with every byte."""
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
    return httpx.AsyncClient(base_url=base_url, timeout=None, limits=limits, trust_env=False)  # noqa: S113


class Aggregator:
    """Requests in the name of one follower: this replica. All raise UnavailableError when no usable answer comes."""

    def __init__(self, http: httpx.AsyncClient, follower_id: int, timeout_s: float) -> None:
        self._http = http
        self._timeout_s = timeout_s
        self.follower_id = follower_id

    async def follow(self, symbol: str) -> Followed:
        """Have the symbol's trades streamed. Raises NotFoundError, with near matches, for an unknown symbol."""
        wanted = {"symbol": symbol, "id": str(self.follower_id), "until": "lease"}
        answer = await self._request("GET", "/coin", params=wanted)
        if answer.status_code != httpx.codes.OK:
            raise _refusal(symbol, answer)
        try:
            followed = msgspec.json.decode(answer.content, type=_Followed)
        except msgspec.MsgspecError as error:
            raise _unavailable("unreadable") from error
        return Followed(followed.status, followed.symbol)

    async def unfollow(self, symbol: str) -> None:
        """Idempotent."""
        answer = await self._request("DELETE", "/coin", params={"symbol": symbol, "id": str(self.follower_id)})
        if answer.is_server_error:
            raise _unavailable(str(answer.status_code))

    async def renew(self, symbols: Collection[str]) -> frozenset[str]:
        """State the whole set of followed symbols; those that are unknown. Raises LeasesUnsupportedError."""
        answer = await self._request("PUT", f"/followers/{self.follower_id}", json={"symbols": sorted(symbols)})
        if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
            raise LeasesUnsupportedError
        if answer.status_code != httpx.codes.OK:
            raise _unavailable(str(answer.status_code))
        try:
            return frozenset(msgspec.json.decode(answer.content, type=_Renewed).unknown)
        except msgspec.MsgspecError as error:
            raise _unavailable("unreadable") from error

    async def _request(self, method: str, path: str, **options: object) -> httpx.Response:
        request = f"{method} {path.split('/')[1]}"
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._http.request(method, path, **options)  # type: ignore[arg-type]
        except (httpx.HTTPError, TimeoutError) as error:
            metrics.AGGREGATOR_CALLS.labels(request, "failed").inc()
            raise _unavailable(type(error).__name__) from error
        metrics.AGGREGATOR_CALLS.labels(request, str(answer.status_code)).inc()
        return answer


def _refusal(symbol: str, answer: httpx.Response) -> ApiError:
    try:
        refusal = msgspec.json.decode(answer.content, type=_Refusal)
    except msgspec.MsgspecError:
        refusal = _Refusal()
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and refusal.code == "symbols_unknown":
        return UnavailableError(
            "symbols_unknown", "The exchange's symbols are not known yet. Try again in a few seconds."
        )
    if answer.status_code == httpx.codes.CONFLICT and refusal.code in _NOT_TRADED:
        return ConflictError(refusal.code, _NOT_TRADED[refusal.code].format(symbol))
    if answer.status_code in _UNKNOWN_SYMBOL:
        near = refusal.near[:MAX_NEAR]
        question = f" Did you mean {' or '.join(near)}?" if near else ""
        return NotFoundError("unknown_symbol", f"There is no symbol {symbol}.{question}", extra={"near": near})
    return _unavailable(str(answer.status_code))


def _unavailable(reason: str) -> UnavailableError:
    log.warning("aggregator.unavailable", reason=reason)
    return UnavailableError("aggregator_unavailable", "Market symbols cannot be checked now. Try again shortly.")
