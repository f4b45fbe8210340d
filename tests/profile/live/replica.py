"""A live engine behind a real uvicorn with PushProtocol, what stands around it, and clients for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode

from prometheus_client import REGISTRY
from redis.asyncio import Redis
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from services.common.connections import ConnectionLimits
from services.common.http import listen, serve_http
from services.common.revocations import Bearer
from services.market.symbols import TRADING, Listing, encode_listings
from services.profile.live.limits import LiveLimits
from services.profile.live.manager import ConnectionManager
from services.profile.live.push import WEBSOCKET_OPTIONS, PushProtocol
from services.profile.live.viewers import Detail
from services.profile.portfolio.rules import Portfolio
from tests.processes import until


@dataclass
class Portfolios:
    """The database's part: portfolios by user id, with a way to fail and a count of reads."""

    rows: dict[int, Portfolio] = field(default_factory=dict)
    failing: bool = False
    loads: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def put(self, user_id: int, name: str = "someone", currency: str = "USDT", /, **quantities: str) -> None:
        held = {symbol: Decimal(text) for symbol, text in quantities.items()}
        self.rows[user_id] = Portfolio(user_id, name, held, currency)

    async def load(self, user_id: int) -> Portfolio | None:
        self.loads += 1
        row = self.rows.get(user_id)
        await self.open.wait()
        if self.failing:
            raise ConnectionError("the database is down")
        return row


@dataclass(frozen=True)
class Replica:
    manager: ConnectionManager
    port: int

    def url(self, user_id: int = 1, session: str = "", issued_at_s: int | None = None, detail: str = "") -> str:
        issued_at = "" if issued_at_s is None else issued_at_s
        query = {"user": user_id, "session": session, "iat": issued_at, "detail": detail}
        return f"ws://127.0.0.1:{self.port}/?{urlencode(query)}"

    @asynccontextmanager
    async def client(
        self, user_id: int = 1, session: str = "", issued_at_s: int | None = None, detail: str = ""
    ) -> AsyncIterator["Client"]:
        """An open websocket; closed with the context."""
        url = self.url(user_id, session, issued_at_s, detail)
        async with connect(url, compression=None, proxy=None, close_timeout=1) as connection:
            yield Client(connection)


@dataclass(frozen=True)
class Client:
    connection: ClientConnection

    async def document(self) -> dict[str, Any]:
        """The next document, its numbers exact."""
        async with asyncio.timeout(20):
            return parse(await self.connection.recv())

    async def document_where(self, **expected: Any) -> dict[str, Any]:
        """The first document from here on with these values at its top level."""
        while True:
            document = await self.document()
            if expected.items() <= document.items():
                return document

    async def close_code(self) -> int | None:
        """The code with which the server closes; documents before that are skipped."""
        async with asyncio.timeout(20):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code


def parse(text: str | bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return document


@asynccontextmanager
async def running_replica(redis_url: str, portfolios: Portfolios, limits: LiveLimits) -> AsyncIterator[Replica]:
    manager = ConnectionManager(redis_url, portfolios.load, limits)
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    async with manager.running(), _serve(manager, sock):
        await until(lambda: _is_alive(manager), what="the subscription")
        yield Replica(manager, port)


async def _is_alive(manager: ConnectionManager) -> bool:
    await manager.check()
    return True


def _serve(manager: ConnectionManager, sock: Any) -> AbstractAsyncContextManager[None]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        await receive()
        issued_at_s = int(query["iat"]) if "iat" in query else None
        bearer = Bearer(int(query["user"]), query.get("session"), issued_at_s)
        detail = Detail.FULL if query.get("detail") == "full" else Detail.PLAIN
        await manager.serve(scope, receive, send, bearer=bearer, subprotocol=None, detail=detail)

    return serve_http(app, sock, limits=ConnectionLimits(5_000), ws=PushProtocol, **WEBSOCKET_OPTIONS)


async def tick(redis: Redis, symbol: str, price: str, event_time_ms: int, source: str = "binance") -> None:
    """A price as the aggregator publishes it: the cache and the channel, in one transaction."""
    payload = f'{{"s":"{symbol}","p":{price},"t":{event_time_ms},"src":"{source}"}}'
    async with redis.pipeline() as pipeline:
        pipeline.hset("market:last", symbol, payload)
        pipeline.publish(symbol, payload)
        await pipeline.execute()


async def list_symbols(redis: Redis, *pairs: str) -> None:
    """A listing as the aggregator writes it; a pair is "BTC/USDT", or "BTC/USDT BREAK"."""
    listings = []
    for pair in pairs:
        assets, _, status = pair.partition(" ")
        base, _, quote = assets.partition("/")
        listings.append(Listing((base + quote).lower(), base, quote, status or TRADING))
    await redis.set("market:symbols", encode_listings(listings))


def metric(name: str, **labels: str) -> float:
    """The value of a metric now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
