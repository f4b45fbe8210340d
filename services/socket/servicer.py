"""The gRPC half: calls to subscribers. `proto/socket.proto` is the contract."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, NoReturn

import structlog
from grpc import StatusCode, aio

from proto import socket_pb2 as pb
from proto import socket_pb2_grpc
from services.common.grpc import abort
from services.exchanges.errors import InvalidSymbolError
from services.exchanges.exchange import Exchange
from services.socket import metrics
from services.socket.hub import End, Hub, Subscriber, SubscriberEndedError
from services.socket.ring import Position, Replay, read_position
from services.socket.symbols import SymbolCatalog

log = structlog.get_logger()

SERVICE_NAME = "socket.SocketService"

_RESUME_AFTER = "x-resume-after"
_POSITION = "x-position"
_BATCH_MAX_FRAMES = 1_024
_BATCH_MAX_BYTES = 512 * 1024

_ENDS = {
    End.TOO_SLOW: (StatusCode.RESOURCE_EXHAUSTED, "this subscriber reads more slowly than the exchange sends"),
    End.DRAINING: (StatusCode.UNAVAILABLE, "this server is stopping; connect again"),
}

Context = aio.ServicerContext[Any, Any]
Send = Callable[[list[bytes]], Awaitable[None]]


class SocketServicer(socket_pb2_grpc.SocketServiceServicer):
    """Every stream announces its source at once and lives until its client goes, falls behind, or the server drains."""

    def __init__(self, exchange: Exchange, hub: Hub, catalog: SymbolCatalog, source: str) -> None:
        self._exchange = exchange
        self._hub = hub
        self._catalog = catalog
        self._metadata = (("x-source", source),)

    async def ReceiveRawMiniTicker(self, _: pb.RawMiniTickerRequest, context: Context) -> None:  # type: ignore[override]  # noqa: N802
        await context.send_initial_metadata(self._metadata)
        with self._hub.ticker_subscriber() as subscriber:
            await _stream(subscriber, context, _one_by_one(context))

    async def StreamMiniTickers(self, _: pb.RawMiniTickerRequest, context: Context) -> None:  # type: ignore[override]  # noqa: N802
        with self._hub.resuming_subscriber(_resume_after(context)) as (subscriber, replay):
            await context.send_initial_metadata((*self._metadata, (_POSITION, replay.position.text())))
            await _stream(subscriber, context, _batched(context), replay=replay)

    async def ReceiveRawAggTrade(self, request: pb.RawAggTradeRequest, context: Context) -> None:  # type: ignore[override]  # noqa: N802
        try:
            symbol = self._exchange.normalize_symbol(request.symbol)
        except InvalidSymbolError as error:
            await _abort_for(error, context)
        if self._catalog.is_unknown(symbol):
            await abort(context, StatusCode.NOT_FOUND, "unknown_symbol", f"the exchange does not trade {symbol}")
        await context.send_initial_metadata(self._metadata)
        with self._hub.trade_subscriber() as subscriber:
            self._hub.set_interest(subscriber, frozenset({symbol}))
            await _stream(subscriber, context, _one_by_one(context))

    async def StreamAggTrades(self, requests: AsyncIterator[pb.AggTradeInterest], context: Context) -> None:  # type: ignore[override]  # noqa: N802
        await context.send_initial_metadata(self._metadata)
        with self._hub.trade_subscriber() as subscriber:
            await _stream(subscriber, context, _batched(context), self._follow(subscriber, requests))

    async def ListSymbols(self, _: pb.ListSymbolsRequest, context: Context) -> pb.SymbolList:  # noqa: N802
        if self._catalog.symbols is None:
            await abort(context, StatusCode.UNAVAILABLE, "symbols_unknown", "the exchange's symbols are not known yet")
        infos = self._catalog.symbols.values()
        return pb.SymbolList(
            symbols=[
                pb.Symbol(symbol=info.symbol, base=info.base, quote=info.quote, status=info.status) for info in infos
            ]
        )

    async def _follow(self, subscriber: Subscriber, requests: AsyncIterator[pb.AggTradeInterest]) -> None:
        """Let each request state the whole interest. Raises `InvalidSymbolError`."""
        async for request in requests:
            symbols = frozenset(map(self._exchange.normalize_symbol, request.symbols))
            unknown = frozenset(filter(self._catalog.is_unknown, symbols))
            if unknown:
                log.warning("subscriber.unknown_symbols_skipped", count=len(unknown), example=min(unknown))
            self._hub.set_interest(subscriber, symbols)


def _one_by_one(context: Context) -> Send:
    async def send(frames: list[bytes]) -> None:
        for data in frames:
            await context.write(pb.RawResponse(data=data))

    return send


def _batched(context: Context) -> Send:
    async def send(frames: list[bytes]) -> None:
        await context.write(pb.RawBatch(data=frames))

    return send


async def _stream(
    subscriber: Subscriber,
    context: Context,
    send: Send,
    *others: Coroutine[Any, Any, None],
    replay: Replay | None = None,
) -> NoReturn:
    """Send what is kept, then the queue of `subscriber` until it is ended, then end the call accordingly.

    A write to a client that does not read never returns, so the end must be able to cancel it.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in (_pump(subscriber, send, replay), *others):
                tasks.create_task(work)
            raise SubscriberEndedError(await subscriber.ended)
    except ExceptionGroup as failures:
        await _abort_for(failures.exceptions[0], context)


async def _pump(subscriber: Subscriber, send: Send, replay: Replay | None) -> None:
    if replay is not None and replay.kept:
        metrics.RESUMED.inc()
        for frame in replay.frames():
            await send([frame])
        replay.kept.clear()
    while True:
        await send(await subscriber.take(_BATCH_MAX_FRAMES, _BATCH_MAX_BYTES))


def _resume_after(context: Context) -> Position | None:
    """The last frame that the client has, if it names one."""
    text = dict(context.invocation_metadata() or ()).get(_RESUME_AFTER)
    return read_position(text) if isinstance(text, str) else None


async def _abort_for(error: Exception, context: Context) -> NoReturn:
    if isinstance(error, SubscriberEndedError):
        code, sentence = _ENDS[error.end]
        await abort(context, code, error.end.value, sentence)
    if isinstance(error, InvalidSymbolError):
        await abort(context, StatusCode.INVALID_ARGUMENT, "invalid_symbol", str(error))
    raise error
