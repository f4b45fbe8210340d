"""The all-market mini-tickers, from socket to intake."""

import asyncio
import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from grpc.aio import AioRpcError

from proto.socket_pb2 import RawMiniTickerRequest
from services.aggregator.intake import Intake, wall_clock_ms
from services.aggregator.resume import Frame, Resume
from services.aggregator.streams import StreamState, is_unimplemented, keep_open, pump
from services.common.health import NotReadyError

if TYPE_CHECKING:
    from proto.socket_pb2_grpc import SocketServiceAsyncStub  # exists for type checkers alone

SILENCE_S = 30.0
"""The exchange sends mini-tickers every second; after so long without one the stream is opened again."""
FRESH_S = 10.0
"""Without a mini-ticker that we accept for longer than this we are not ready."""


class TickerFeed:
    """`run` keeps one stream of mini-tickers open. `reopened` is set at each opening."""

    def __init__(
        self,
        stub: "SocketServiceAsyncStub",
        intake: Intake,
        resume: Resume,
        on_frame: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        self.state = StreamState("mini_tickers")
        self.reopened = asyncio.Event()
        self._stub = stub
        self._intake = intake
        self._resume = resume
        self._on_frame = on_frame
        self._source = ""
        self._accepted_s = -math.inf

    async def run(self) -> None:
        await self._resume.load()
        await keep_open(self._session, self.state.closed, lambda: self.state.last_message_s)

    async def check(self) -> None:
        """A readiness check. Raises NotReadyError unless the stream is open and mini-tickers are accepted."""
        if not self.state.up:
            raise NotReadyError("the stream from socket is not open")
        age_s = monotonic() - self._accepted_s
        if age_s > FRESH_S:
            age = f"for {age_s:.0f} s" if math.isfinite(age_s) else "yet"
            cause = f": {self._intake.refusal}" if self._intake.refusal else ""
            raise NotReadyError(f"no mini-ticker accepted {age}{cause}")

    async def _session(self) -> None:
        self._resume.begin()
        try:
            self.state.batched = True
            after = self._resume.after
            metadata = (("x-resume-after", after),) if after else None
            batches = self._stub.StreamMiniTickers(RawMiniTickerRequest(), metadata=metadata)
            await pump(batches, SILENCE_S, self._open, lambda batch: self._take(batch.data), self._position)
        except AioRpcError as error:
            if not is_unimplemented(error):
                raise
            self.state.batched = False
            frames = self._stub.ReceiveRawMiniTicker(RawMiniTickerRequest())
            await pump(frames, SILENCE_S, self._open, lambda frame: self._take((frame.data,)))

    def _open(self, source: str | None) -> None:
        self._source = self._intake.open_source(source)
        self.state.opened()
        self.reopened.set()

    def _position(self, position: str | None) -> None:
        self._resume.opened(position, wall_clock_ms())

    def _take(self, frames: Sequence[bytes]) -> None:
        self.state.last_message_s = monotonic()
        if self._intake.mini_tickers(self._source, frames):
            self._accepted_s = monotonic()
        frame = self._resume.took(frames, wall_clock_ms())
        if frame is not None:
            self._on_frame(frame)
