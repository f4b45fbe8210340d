"""One stream from socket, kept open: what all of them share.

A stream that ends is opened again, first at once, then by jittered growing delays. A peer whose host is gone or frozen
is seen by the channel's keep-alive; one that answers pings and yet sends nothing, by its silence.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from grpc import StatusCode
from grpc.aio import AioRpcError

from services.aggregator import metrics
from services.common.backoff import Backoff
from services.common.cancellation import raise_if_cancelled

log = structlog.get_logger()

_sleep = asyncio.sleep

RECONNECT_CAP_S = 2.0
MIN_INTERVAL_S = 0.2
WRITE_TIMEOUT_S = 5.0
UNAVAILABLE = StatusCode.UNAVAILABLE.name.lower()


class PeerLostError(ConnectionError):
    """The connection that all streams share is gone."""


_LOST = (AioRpcError, TimeoutError, PeerLostError)


@dataclass(slots=True)
class StreamState:
    """The state of one stream, as readiness checks and `GET /coins` show it."""

    name: str
    up: bool = False
    batched: bool = True
    """False while the peer only speaks the original's one frame a message."""
    last_message_s: float = 0.0
    """`time.monotonic` of the last message; 0 before the first."""

    def opened(self) -> None:
        if not self.up:
            self.up = True
            metrics.STREAM_UP.labels(self.name).set(1)
            log.info("stream.opened", stream=self.name, batched=self.batched)

    def closed(self, reason: str) -> None:
        metrics.STREAM_RECONNECTS.labels(self.name, reason).inc()
        if self.up:
            self.up = False
            metrics.STREAM_UP.labels(self.name).set(0)
            log.warning("stream.lost", stream=self.name, reason=reason)

    def silence_s(self) -> float | None:
        """Seconds since the last message; None before the first."""
        return time.monotonic() - self.last_message_s if self.last_message_s else None


async def keep_open(
    session: Callable[[], Awaitable[None]], on_end: Callable[[str], None], heard_s: Callable[[], float]
) -> NoReturn:
    """Run `session` again and again; `on_end` gets what ended each: "ended", "silent" or the name of a gRPC status.

    `heard_s` is the monotonic time of its last message: after a session that brought one, the next begins at once,
    though never within `MIN_INTERVAL_S` of the one before. A lost peer is waited for. Any other exception is a fault of
    ours and is raised.
    """
    backoff = Backoff(base_s=0.2, cap_s=RECONNECT_CAP_S)
    began_s = -math.inf
    while True:
        await _sleep(max(backoff.next_delay_s(), began_s + MIN_INTERVAL_S - time.monotonic(), 0.0))
        began_s = time.monotonic()
        reason = await _end_of(session)
        raise_if_cancelled()
        on_end(reason)
        if heard_s() >= began_s:
            backoff.reset()


async def _end_of(session: Callable[[], Awaitable[None]]) -> str:
    try:
        await session()
    except _LOST as error:
        return _reason(error)
    except BaseExceptionGroup as group:
        lost, faults = group.split(_LOST)
        if faults is not None or lost is None:
            raise
        return _reason(_first_leaf(lost))
    return "ended"


async def pump(
    call: Any,
    silence_s: float | None,
    on_open: Callable[[str | None], None],
    on_message: Callable[[Any], None],
    on_position: Callable[[str | None], None] = lambda _: None,
) -> None:
    """Read `call` to its end; `on_open` gets the source, None if the peer does not name it, and `on_position` before
    that the position of the first message, likewise. The call is over when this
    returns or raises.

    Raises AioRpcError, and TimeoutError after `silence_s`, if given, without a message. Safe to cancel.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(silence_s) as silence:
            metadata = await call.initial_metadata()
            on_position(_text_in(metadata, "x-position"))
            source = _text_in(metadata, "x-source")
            is_open = bool(source)
            if source:
                on_open(source)
            async for message in call:
                if silence_s is not None:
                    silence.reschedule(loop.time() + silence_s)
                if not is_open:  # a call that failed has no metadata either: only a message proves that it is open
                    is_open = True
                    on_open(None)
                on_message(message)
    finally:
        call.cancel()


def is_unimplemented(error: AioRpcError) -> bool:
    """Whether the peer lacks the RPC: the Go original's answer to our additions."""
    return error.code() is StatusCode.UNIMPLEMENTED


def _text_in(metadata: Any, name: str) -> str | None:
    value = dict(metadata or ()).get(name)
    return value if isinstance(value, str) and value else None


def _reason(error: BaseException) -> str:
    if isinstance(error, AioRpcError):
        return error.code().name.lower()
    return "silent" if isinstance(error, TimeoutError) else UNAVAILABLE


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf
