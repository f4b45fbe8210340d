"""The all-market mini-tickers, from socket to intake."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from grpc.aio import AioRpcError

from proto.socket_pb2 import RawBatch, RawMiniTickerRequest, RawResponse
from services.aggregator.intake import Intake
from services.aggregator.streams import StreamState, is_unimplemented, keep_open, pump

if TYPE_CHECKING:
    from proto.socket_pb2_grpc import SocketServiceAsyncStub  # exists for type checkers alone

SILENCE_S = 30.0
"""The exchange sends mini-tickers every second; after so long without one the stream is opened again."""
FRESH_S = 10.0
"""Without a frame for longer than this we are not ready."""


class StaleFeedError(ConnectionError):
    """The mini-tickers do not arrive."""


class TickerFeed:
    """`run` keeps one stream of mini-tickers open. `reopened` is set at each opening, for whom it may concern."""

    def __init__(self, stub: "SocketServiceAsyncStub", intake: Intake) -> None:
        self.state = StreamState("mini_tickers")
        self.reopened = asyncio.Event()
        self._stub = stub
        self._intake = intake
        self._source = ""

    async def run(self) -> None:
        await keep_open(self._session, self.state.closed)

    async def check(self) -> None:
        """A readiness check. Raises StaleFeedError unless the stream is open and fresh."""
        silence_s = self.state.silence_s()
        if not self.state.up or silence_s is None or silence_s > FRESH_S:
            raise StaleFeedError

    async def _session(self) -> None:
        try:
            self.state.batched = True
            await pump(self._stub.StreamMiniTickers(RawMiniTickerRequest()), SILENCE_S, self._open, self._take_batch)
        except AioRpcError as error:
            if not is_unimplemented(error):
                raise
            self.state.batched = False
            await pump(self._stub.ReceiveRawMiniTicker(RawMiniTickerRequest()), SILENCE_S, self._open, self._take_one)

    def _open(self, source: str) -> None:
        self._source = self._intake.open_source(source)
        self.state.opened()
        self.reopened.set()

    def _take_batch(self, batch: RawBatch) -> None:
        self.state.last_message_s = monotonic()
        self._intake.mini_tickers(self._source, batch.data)

    def _take_one(self, response: RawResponse) -> None:
        self.state.last_message_s = monotonic()
        self._intake.mini_tickers(self._source, (response.data,))
