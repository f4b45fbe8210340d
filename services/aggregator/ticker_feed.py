"""The all-market mini-tickers, from socket to intake."""

import asyncio
import math
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from grpc.aio import AioRpcError

from proto.socket_pb2 import RawMiniTickerRequest
from services.aggregator.intake import Intake
from services.aggregator.streams import StreamState, is_unimplemented, keep_open, pump

if TYPE_CHECKING:
    from proto.socket_pb2_grpc import SocketServiceAsyncStub  # exists for type checkers alone

SILENCE_S = 30.0
"""The exchange sends mini-tickers every second; after so long without one the stream is opened again."""
FRESH_S = 10.0
"""Without a frame that we accept for longer than this we are not ready."""


class StaleFeedError(ConnectionError):
    """The mini-tickers do not arrive, or cannot be believed."""


class TickerFeed:
    """`run` keeps one stream of mini-tickers open. `reopened` is set at each opening, for whom it may concern."""

    def __init__(self, stub: "SocketServiceAsyncStub", intake: Intake) -> None:
        self.state = StreamState("mini_tickers")
        self.reopened = asyncio.Event()
        self._stub = stub
        self._intake = intake
        self._source = ""
        self._accepted_s = -math.inf

    async def run(self) -> None:
        await keep_open(self._session, self.state.closed)

    async def check(self) -> None:
        """A readiness check. Raises StaleFeedError unless the stream is open and fresh."""
        if not self.state.up or monotonic() - self._accepted_s > FRESH_S:
            raise StaleFeedError

    async def _session(self) -> None:
        try:
            self.state.batched = True
            batches = self._stub.StreamMiniTickers(RawMiniTickerRequest())
            await pump(batches, SILENCE_S, self._open, lambda batch: self._take(batch.data))
        except AioRpcError as error:
            if not is_unimplemented(error):
                raise
            self.state.batched = False
            frames = self._stub.ReceiveRawMiniTicker(RawMiniTickerRequest())
            await pump(frames, SILENCE_S, self._open, lambda frame: self._take((frame.data,)))

    def _open(self, source: str) -> None:
        self._source = self._intake.open_source(source)
        self.state.opened()
        self.reopened.set()

    def _take(self, frames: Sequence[bytes]) -> None:
        self.state.last_message_s = monotonic()
        if self._intake.mini_tickers(self._source, frames):
            self._accepted_s = monotonic()
