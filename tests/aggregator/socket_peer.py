"""A socket service that sends exactly what a test wants: `proto/socket.proto` over a real port, with scripted frames.

`SocketPeer` speaks all of the contract; with `twin=True` it is the Go original, which lacks the added RPCs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec
from grpc import aio

from proto import socket_pb2 as pb
from services.exchanges.registry import EXCHANGES
from tests.processes import free_port

START_MS = 1_767_225_600_000
BINANCE = EXCHANGES["binance"]
Context = aio.ServicerContext[Any, Any]


def trade(symbol: str, trade_id: int, price: str, event_ms: int = START_MS) -> bytes:
    """An aggTrade frame as the exchange writes it."""
    fields = {"e": "aggTrade", "E": event_ms, "s": symbol.upper(), "a": trade_id, "p": price, "q": "0.01000000"}
    return msgspec.json.encode(fields | {"f": trade_id, "l": trade_id, "T": event_ms, "m": True, "M": True})


def ticker(symbol: str, close: str, event_ms: int = START_MS) -> dict[str, object]:
    """One entry of a miniTicker frame."""
    day = {"o": "1.50000000", "h": "2.00000000", "l": "1.00000000", "v": "10.00000000", "q": "15.00000000"}
    return {"e": "24hrMiniTicker", "E": event_ms, "s": symbol.upper(), "c": close} | day


def ticker_frame(*entries: object) -> bytes:
    return msgspec.json.encode(entries)


@dataclass(slots=True)
class SocketPeer:
    """Start, script, stop, start again: the port stays. What is emitted reaches the streams that are open then."""

    source: str | None = "binance"
    symbols: Iterable[str] | None = ("btcusdt", "ethusdt", "bnbbtc")
    """None: not known yet (UNAVAILABLE)."""
    twin: bool = False
    port: int = field(default_factory=free_port)
    interests: list[frozenset[str]] = field(default_factory=list)
    """Every set stated on the bidirectional stream, in order."""
    ticker_streams: set["asyncio.Queue[bytes]"] = field(default_factory=set)
    trade_streams: dict["asyncio.Queue[bytes]", frozenset[str]] = field(default_factory=dict)
    _server: aio.Server | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def interest(self) -> frozenset[str]:
        """The symbols that at least one client wants now."""
        return frozenset().union(*self.trade_streams.values())

    async def start(self) -> None:
        self._server = aio.server()
        methods = _handlers(_Servicer(self), self.twin)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("socket.SocketService", methods),))
        assert self._server.add_insecure_port(self.target) == self.port
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    async def __aenter__(self) -> "SocketPeer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def emit_tickers(self, *frames: bytes) -> None:
        for queue in self.ticker_streams:
            for frame in frames:
                queue.put_nowait(frame)

    def emit_trades(self, symbol: str, *frames: bytes) -> None:
        for queue, interest in self.trade_streams.items():
            if symbol in interest:
                for frame in frames:
                    queue.put_nowait(frame)

    async def announce(self, context: Context) -> None:
        if self.source is not None and not self.twin:
            await context.send_initial_metadata((("x-source", self.source),))


class _Servicer:
    def __init__(self, peer: SocketPeer) -> None:
        self._peer = peer

    async def mini_tickers(self, _: pb.RawMiniTickerRequest, context: Context) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        await self._peer.announce(context)
        self._peer.ticker_streams.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._peer.ticker_streams.discard(queue)

    async def one_symbol(self, request: pb.RawAggTradeRequest, context: Context) -> AsyncIterator[bytes]:
        async for frame in self._trades(frozenset({request.symbol}), context):
            yield frame

    async def many_symbols(
        self, requests: AsyncIterator[pb.AggTradeInterest], context: Context
    ) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        await self._peer.announce(context)
        listening = asyncio.create_task(self._listen(queue, requests))
        try:
            while True:
                yield await queue.get()
        finally:
            listening.cancel()
            self._peer.trade_streams.pop(queue, None)

    async def list_symbols(self, _: pb.ListSymbolsRequest, context: Context) -> pb.SymbolList:
        if self._peer.symbols is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not known yet")
        listed = [
            pb.Symbol(symbol=name, base=name[:3].upper(), quote=name[3:].upper(), status="TRADING")
            for name in self._peer.symbols or ()
        ]
        return pb.SymbolList(symbols=listed)

    async def _listen(self, queue: "asyncio.Queue[bytes]", requests: AsyncIterator[pb.AggTradeInterest]) -> None:
        async for request in requests:
            self._peer.interests.append(frozenset(request.symbols))
            self._peer.trade_streams[queue] = frozenset(request.symbols)

    async def _trades(self, interest: frozenset[str], context: Context) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        await self._peer.announce(context)
        self._peer.trade_streams[queue] = interest
        try:
            while True:
                yield await queue.get()
        finally:
            self._peer.trade_streams.pop(queue, None)


def _handlers(servicer: _Servicer, twin: bool) -> dict[str, Any]:
    original: dict[str, Any] = {
        "ReceiveRawMiniTicker": grpc.unary_stream_rpc_method_handler(
            _answering(servicer.mini_tickers, _one),
            pb.RawMiniTickerRequest.FromString,
            pb.RawResponse.SerializeToString,
        ),
        "ReceiveRawAggTrade": grpc.unary_stream_rpc_method_handler(
            _answering(servicer.one_symbol, _one), pb.RawAggTradeRequest.FromString, pb.RawResponse.SerializeToString
        ),
    }
    additions = {
        "StreamMiniTickers": grpc.unary_stream_rpc_method_handler(
            _answering(servicer.mini_tickers, _batch), pb.RawMiniTickerRequest.FromString, pb.RawBatch.SerializeToString
        ),
        "StreamAggTrades": grpc.stream_stream_rpc_method_handler(
            _answering(servicer.many_symbols, _batch), pb.AggTradeInterest.FromString, pb.RawBatch.SerializeToString
        ),
        "ListSymbols": grpc.unary_unary_rpc_method_handler(
            servicer.list_symbols, pb.ListSymbolsRequest.FromString, pb.SymbolList.SerializeToString
        ),
    }
    return original if twin else original | additions


def _one(frame: bytes) -> pb.RawResponse:
    return pb.RawResponse(data=frame)


def _batch(frame: bytes) -> pb.RawBatch:
    return pb.RawBatch(data=[frame])


def _answering(frames: Callable[[Any, Context], AsyncIterator[bytes]], wrap: Callable[[bytes], Any]) -> Any:
    async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
        async for frame in frames(request, context):
            yield wrap(frame)

    return answer
