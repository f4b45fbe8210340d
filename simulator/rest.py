"""Binance's public REST, as far as market data needs it: ping, time, exchangeInfo, aggTrades and klines.

Each answer carries the weight its caller has used in this minute; past the limit, and when a fault is set, it is 429.
Weights, parameters and error codes: Binance, "REST API".
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import islice

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import metrics
from simulator.errors import RequestError
from simulator.exchange import Exchange
from simulator.exchange_info import WEIGHT_PER_MINUTE, exchange_info
from simulator.klines import INTERVALS_MS, klines, second_klines
from simulator.limits import ByAddress, MinuteMeter
from simulator.params import optional_int, required, symbol_names
from simulator.seconds import StoredTrade, traded_seconds

MAX_ROWS = 1000
DEFAULT_ROWS = 500

Endpoint = Callable[[Request], Awaitable[object]]


class PublicRest:
    """The market data endpoints of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._meters = ByAddress(MinuteMeter)

    def routes(self) -> list[Route]:
        return [
            self._route("/api/v3/ping", 1, self._ping),
            self._route("/api/v3/time", 1, self._time),
            self._route("/api/v3/exchangeInfo", 20, self._exchange_info),
            self._route("/api/v3/aggTrades", 4, self._agg_trades),
            self._route("/api/v3/klines", 2, self._klines),
        ]

    def _route(self, path: str, weight: int, endpoint: Endpoint) -> Route:
        async def serve(request: Request) -> Response:
            used = self._use(request, weight)
            try:
                self._check_limit(used)
                await asyncio.sleep(self._exchange.faults.takes_rest_delay_s())
                answer = _json(await endpoint(request))
            except RequestError as error:
                answer = self._error(error)
            answer.headers["X-MBX-USED-WEIGHT-1M"] = str(used)
            metrics.REST_REQUESTS.labels(answer.status_code).inc()
            return answer

        return Route(path, serve)

    def _use(self, request: Request, weight: int) -> int:
        address = request.client.host if request.client else ""
        return self._meters.of(address).use(weight, time.time())

    def _check_limit(self, used: int) -> None:
        if self._exchange.faults.takes_rest_rejection():
            raise _TooManyRequestsError(self._exchange.faults.rest_retry_after_s)
        if used > WEIGHT_PER_MINUTE:
            raise _TooManyRequestsError(60 - int(time.time() % 60))

    @staticmethod
    def _error(error: RequestError) -> Response:
        answer = _json({"code": error.code, "msg": error.message}, error.status)
        if isinstance(error, _TooManyRequestsError):
            answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer

    async def _ping(self, _: Request) -> object:
        return {}

    async def _time(self, _: Request) -> object:
        return {"serverTime": self._exchange.now_ms()}

    async def _exchange_info(self, request: Request) -> object:
        names = symbol_names(request)
        symbols = self._exchange.symbols if names is None else [self._exchange.market(n).symbol for n in names]
        return exchange_info(symbols, self._exchange.now_ms())

    async def _agg_trades(self, request: Request) -> object:
        market = self._exchange.market(required(request, "symbol"))
        from_id = optional_int(request, "fromId")
        start_ms, end_ms = optional_int(request, "startTime"), optional_int(request, "endTime")
        limit = min(optional_int(request, "limit") or DEFAULT_ROWS, MAX_ROWS)
        if from_id is None and start_ms is None and end_ms is None:
            from_id = market.next_id - limit
        trades = (
            trade
            for payload in self._exchange.archive.since(market.symbol.name, from_id or 0)
            if _within(trade := msgspec.json.decode(payload, type=StoredTrade), start_ms, end_ms)
        )
        return list(islice(trades, limit))

    async def _klines(self, request: Request) -> object:
        market = self._exchange.market(required(request, "symbol"))
        interval = required(request, "interval")
        if interval not in INTERVALS_MS:
            raise RequestError(-1120, "Invalid interval.")
        now_ms = self._exchange.now_ms()
        market.pass_time(now_ms)
        start_ms, end_ms = optional_int(request, "startTime"), optional_int(request, "endTime")
        limit = min(optional_int(request, "limit") or DEFAULT_ROWS, MAX_ROWS)
        span = (start_ms, now_ms if end_ms is None else end_ms, limit)
        # Long spans of the past take a while to compute: not on the loop that feeds the streams.
        bars = market.bars.snapshot()
        if interval != "1s":
            return await asyncio.to_thread(klines, bars, interval, *span)
        payloads = list(self._exchange.archive.since(market.symbol.name, 0))
        traded = await asyncio.to_thread(traded_seconds, payloads, market.first_id, market.start_ms)
        return await asyncio.to_thread(second_klines, bars, traded, *span)


class _TooManyRequestsError(RequestError):
    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            -1003,
            f"Too much request weight used; current limit is {WEIGHT_PER_MINUTE} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            status=429,
        )
        self.retry_after_s = retry_after_s


def _within(trade: StoredTrade, start_ms: int | None, end_ms: int | None) -> bool:
    return (start_ms or 0) <= trade.T and (end_ms is None or end_ms >= trade.T)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
