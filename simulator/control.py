"""Misbehaviour and exact input on request: `POST /control/<action>` with a JSON object, beside the REST endpoints.

| action | body | what happens |
| --- | --- | --- |
| `trade` | `{"symbol","price","quantity"}` (decimal texts, 8 places at most) | exactly this trade happens now |
| `burst` | `{"symbol","count"}` | exactly `count` invented trades, as fast as subscribers take them |
| `pause`, `resume` | `{}` | no more invented trades; again |
| `skip` | `{"symbol","count"}` | `count` trades happen that the stream never shows, though REST does: a gap in ids |
| `repeat` | `{"symbol","count"}` | the last `count` trades are sent again: an overlap |
| `malformed` | `{"stream","text"}` (`text` optional) | listeners get `text` as a frame; by default cut-off JSON |
| `drop` | `{"connection"}` (optional number) | TCP reset of that connection, or of all |
| `freeze`, `thaw` | `{"connection"}` | the connection stays open but silent: nothing sent or read, no pongs; and back |
| `end` | `{"connection"}` | a close frame, as at the end of a connection's 24 h |
| `server-shutdown` | `{}` | the `serverShutdown` event on every connection |
| `ignore-requests` | `{"count"}` | the next `count` websocket requests are neither carried out nor acknowledged |
| `refuse` | `{"seconds","how"}` (`http`, `reset`) | new connections get a 503 or a TCP reset for so long; 0 ends it |
| `rest` | `{"delay_s","undelayed","reject","retry_after_s"}` | REST is late after `undelayed` ones; `reject` get 429 |

`GET /control/state`: connections, subscriptions, counters. `GET /control/journal?symbol=&kind=`: the journal's records
still in memory, as lines. Wrong input answers 400 with Binance's error shape.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.common.json_text import json_text
from simulator.connection import StreamConnection
from simulator.decimals import ONE, product, scaled
from simulator.errors import RequestError
from simulator.exchange import Exchange, wall_clock_ms
from simulator.faults import Refusal
from simulator.frames import server_shutdown
from simulator.generation import burst
from simulator.stream_server import DAY_IS_OVER

MAX_BODY_BYTES = 4 * 1024 * 1024
"""A frame of any size that a test wants sent fits."""
MAX_COUNT = 1_000_000
MAX_AMOUNT = 10**9 * ONE
_CUT_OFF = '{"e":"aggTrade","E":17'

B = TypeVar("B", bound=msgspec.Struct)


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Count(msgspec.Struct, forbid_unknown_fields=True):
    count: int


class SymbolCount(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    count: int


class ExactTrade(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    price: str
    quantity: str


class Malformed(msgspec.Struct, forbid_unknown_fields=True):
    stream: str
    text: str = _CUT_OFF


class Target(msgspec.Struct, forbid_unknown_fields=True):
    connection: int | None = None


class Refuse(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float
    how: Refusal = Refusal.HTTP


class RestFault(msgspec.Struct, forbid_unknown_fields=True):
    delay_s: float = 0.0
    undelayed: int = 0
    reject: int = 0
    retry_after_s: int = 1


class Control:
    """The control endpoints of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[Route]:
        return [
            _route("trade", ExactTrade, self._trade),
            _route("burst", SymbolCount, self._burst),
            _route("pause", Nothing, self._pause),
            _route("resume", Nothing, self._resume),
            _route("skip", SymbolCount, self._skip),
            _route("repeat", SymbolCount, self._repeat),
            _route("malformed", Malformed, self._malformed),
            _route("drop", Target, self._drop),
            _route("freeze", Target, self._freeze),
            _route("thaw", Target, self._thaw),
            _route("end", Target, self._end),
            _route("server-shutdown", Nothing, self._server_shutdown),
            _route("ignore-requests", Count, self._ignore_requests),
            _route("refuse", Refuse, self._refuse),
            _route("rest", RestFault, self._rest),
            Route("/control/state", self._state),
            Route("/control/journal", self._journal),
        ]

    async def _trade(self, body: ExactTrade) -> object:
        trade = self._exchange.trade_at(body.symbol, *_amounts(body))
        return {"id": trade.id, "time": trade.time_ms}

    async def _burst(self, body: SymbolCount) -> object:
        market = self._exchange.market(body.symbol)
        first_id, last_id = await burst(self._exchange, market, _bounded(body.count))
        return {"first_id": first_id, "last_id": last_id}

    async def _pause(self, _: Nothing) -> object:
        self._exchange.generating = False
        return {}

    async def _resume(self, _: Nothing) -> object:
        self._exchange.generating = True
        return {}

    async def _skip(self, body: SymbolCount) -> object:
        first_id, last_id = self._exchange.skip(body.symbol, _bounded(body.count))
        return {"first_id": first_id, "last_id": last_id}

    async def _repeat(self, body: SymbolCount) -> object:
        return {"count": self._exchange.repeat(body.symbol, _bounded(body.count))}

    async def _malformed(self, body: Malformed) -> object:
        return {"connections": self._exchange.hub.publish_verbatim(body.stream, body.text.encode())}

    async def _drop(self, body: Target) -> object:
        return self._each(body, lambda connection: connection.abort("dropped"))

    async def _freeze(self, body: Target) -> object:
        return self._each(body, StreamConnection.freeze)

    async def _thaw(self, body: Target) -> object:
        return self._each(body, StreamConnection.thaw)

    async def _end(self, body: Target) -> object:
        return self._each(body, lambda connection: connection.cut(DAY_IS_OVER, "", "lifetime"))

    async def _server_shutdown(self, _: Nothing) -> object:
        return {"connections": self._exchange.hub.send_to_all(server_shutdown(wall_clock_ms()))}

    async def _ignore_requests(self, body: Count) -> object:
        self._exchange.faults.requests_to_ignore = body.count
        return {}

    async def _refuse(self, body: Refuse) -> object:
        faults = self._exchange.faults
        faults.refusal, faults.refuse_until_s = body.how, asyncio.get_running_loop().time() + body.seconds
        return {}

    async def _rest(self, body: RestFault) -> object:
        faults = self._exchange.faults
        faults.rest_delay_s, faults.rest_undelayed = body.delay_s, body.undelayed
        faults.rest_rejections = body.reject
        faults.rest_retry_after_s = body.retry_after_s
        return {}

    async def _state(self, _: Request) -> Response:
        exchange = self._exchange
        return _json(
            {
                "generating": exchange.generating,
                "symbols": len(exchange.markets),
                "connections": [_connection(c) for c in sorted(exchange.hub.connections, key=lambda c: c.number)],
                "published": exchange.published,
                "recording": exchange.recording,
            }
        )

    async def _journal(self, request: Request) -> Response:
        query = request.query_params
        records = self._exchange.journal.select(query.get("symbol"), query.get("kind"))
        return Response(b"".join(r.line() + b"\n" for r in records), media_type="application/x-ndjson")

    def _each(self, body: Target, act: Callable[[StreamConnection], None]) -> object:
        chosen = self._chosen(body.connection)
        for connection in chosen:
            act(connection)
        return {"connections": len(chosen)}

    def _chosen(self, number: int | None) -> list[StreamConnection]:
        return [c for c in self._exchange.hub.connections if number in (None, c.number)]


def _route(action: str, kind: type[B], act: Callable[[B], Awaitable[object]]) -> Route:
    async def serve(request: Request) -> Response:
        try:
            body = json_text(await _read(request))
            return _json(await act(msgspec.json.decode(body or "{}", type=kind)))
        except (msgspec.DecodeError, ValueError) as error:
            return _json({"code": -1100, "msg": str(error)}, 400)
        except RequestError as error:
            return _json({"code": error.code, "msg": error.message}, error.status)

    return Route(f"/control/{action}", serve, methods=["POST"])


async def _read(request: Request) -> bytes:
    """The body. Raises RequestError for more than any action needs."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RequestError(-1100, f"the body may have at most {MAX_BODY_BYTES} bytes", status=413)
    return body


def _amounts(body: ExactTrade) -> tuple[int, int]:
    try:
        price, quantity = scaled(body.price), scaled(body.quantity)
    except ValueError as error:
        raise RequestError(-1100, str(error)) from None
    if not (0 < price <= MAX_AMOUNT and 0 < quantity <= MAX_AMOUNT and product(price, quantity) <= MAX_AMOUNT):
        raise RequestError(-1100, "price and quantity must be positive, and their product at most a billion")
    return price, quantity


def _bounded(count: int) -> int:
    if not 1 <= count <= MAX_COUNT:
        raise RequestError(-1100, f"count must be between 1 and {MAX_COUNT}")
    return count


def _connection(connection: StreamConnection) -> dict[str, Any]:
    return {
        "number": connection.number,
        "combined": connection.session.combined,
        "streams": list(connection.session.streams),
        "frames_sent": connection.frames_sent,
        "frozen": connection.frozen,
    }


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
