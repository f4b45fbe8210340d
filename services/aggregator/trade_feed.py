"""The trades of followed symbols, from socket to intake.

One stream for all symbols, which is sent the whole wanted set at each change; or, from a peer that lacks it, one
stream per symbol.
"""

import asyncio
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from grpc.aio import AioRpcError, StreamStreamCall

from proto.socket_pb2 import AggTradeInterest, RawAggTradeRequest, RawBatch, RawResponse
from services.aggregator import metrics
from services.aggregator.intake import Intake
from services.aggregator.streams import (
    UNAVAILABLE,
    WRITE_TIMEOUT_S,
    PeerLostError,
    StreamState,
    is_unimplemented,
    keep_open,
    pump,
)
from services.aggregator.wanted import Wanted
from services.common.cancellation import raise_if_cancelled

if TYPE_CHECKING:
    from proto.socket_pb2_grpc import SocketServiceAsyncStub  # exists for type checkers alone

SILENCE_S = 300.0
"""Followed symbols may be quiet for minutes: this only heals a peer that answers pings and has forgotten us."""
SILENCE_LOOKS = 10
"""In so many checks, for a process that slept has received nothing itself."""


class TradeFeed:
    """`run` keeps the wanted symbols' trades coming."""

    def __init__(self, stub: "SocketServiceAsyncStub", intake: Intake, wanted: Wanted) -> None:
        self.state = StreamState("agg_trades")
        self._stub = stub
        self._intake = intake
        self._wanted = wanted

    async def run(self) -> None:
        await keep_open(self._session, self.state.closed, lambda: self.state.last_message_s)

    async def _session(self) -> None:
        self.state.batched = True
        try:
            await self._one_stream()
        except* AioRpcError as group:
            if not _all_unimplemented(group):
                raise
            self.state.batched = False
        if not self.state.batched:
            raise_if_cancelled()
            await self._stream_per_symbol()

    async def _one_stream(self) -> None:
        call = self._stub.StreamAggTrades()
        source = _Source(self._intake, self.state)

        def take(batch: RawBatch) -> None:
            self.state.last_message_s = monotonic()
            self._intake.trades(source.name, batch.data)

        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(work) for work in (self._send_interest(call), self._watch())]
            await pump(call, None, source.open, take)
            for task in beside:
                task.cancel()

    async def _send_interest(self, call: "StreamStreamCall[AggTradeInterest, RawBatch]") -> None:
        sent: frozenset[str] | None = None
        while True:
            sent = await self._wanted.other_than(sent)
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await call.write(AggTradeInterest(symbols=sorted(sent)))
            except (AioRpcError, asyncio.InvalidStateError):
                return  # the stream is over, and its reader knows why

    async def _watch(self) -> None:
        """Raises TimeoutError after `SILENCE_S` without a trade, which counts only while some are wanted."""
        heard_s, silent_looks = self.state.last_message_s, 0
        while silent_looks < SILENCE_LOOKS:
            await asyncio.sleep(SILENCE_S / SILENCE_LOOKS)
            is_silent = bool(self._wanted.symbols) and self.state.last_message_s == heard_s
            silent_looks = silent_looks + 1 if is_silent else 0
            heard_s = self.state.last_message_s
        raise TimeoutError

    async def _stream_per_symbol(self) -> None:
        streams: dict[str, asyncio.Task[None]] = {}
        sent: frozenset[str] | None = None
        async with asyncio.TaskGroup() as tasks:
            while True:
                sent = await self._wanted.other_than(sent)
                for symbol in streams.keys() - sent:
                    streams.pop(symbol).cancel()
                for symbol in sent - streams.keys():
                    streams[symbol] = tasks.create_task(self._keep_one(symbol))

    async def _keep_one(self, symbol: str) -> None:
        """One symbol's stream, opened again when only it ends. Raises PeerLostError when the peer itself is lost."""
        source = _Source(self._intake, self.state)

        async def session() -> None:
            call = self._stub.ReceiveRawAggTrade(RawAggTradeRequest(symbol=symbol))
            await pump(call, SILENCE_S, source.open, partial(self._take_one, source))

        await keep_open(session, _one_ended, lambda: source.heard_s)

    def _take_one(self, source: "_Source", response: RawResponse) -> None:
        self.state.last_message_s = source.heard_s = monotonic()
        self._intake.trades(source.name, (response.data,))


class _Source:
    """Where one stream's frames come from, once it is open."""

    def __init__(self, intake: Intake, state: StreamState) -> None:
        self.name = ""
        self.heard_s = 0.0
        """Monotonic time of the last message, where it is kept for this stream alone."""
        self._intake = intake
        self._state = state

    def open(self, source: str | None) -> None:
        self.name = self._intake.open_source(source)
        self._state.opened()


def _one_ended(reason: str) -> None:
    metrics.STREAM_RECONNECTS.labels("agg_trade", reason).inc()
    if reason == UNAVAILABLE:
        raise PeerLostError


def _all_unimplemented(group: BaseExceptionGroup[AioRpcError]) -> bool:
    return all(
        is_unimplemented(error) if isinstance(error, AioRpcError) else _all_unimplemented(error)
        for error in group.exceptions
    )
