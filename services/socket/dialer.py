"""Connecting to the exchange: at once at first, then by jittered delays, within the exchange's limits."""

import asyncio

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from services.common.backoff import Backoff
from services.common.network import proxy_for, through
from services.exchanges.pacing import Allowance
from services.exchanges.rest_client import is_ban, retry_after_s
from services.socket import metrics

log = structlog.get_logger()

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_QUEUED_FRAMES = 1_024


class Dialer:
    """Opens connections to `url` through the environment's proxy. `connects` is shared by all that dial from here."""

    def __init__(self, url: str, connects: Allowance, frame_max_bytes: int) -> None:
        self._url = url
        self._connects = connects
        self._frame_max_bytes = frame_max_bytes
        self._proxy = proxy_for(url)
        self._backoff = Backoff(base_s=0.25, cap_s=2.0)

    @property
    def attempt(self) -> int:
        """The number of the last attempt since `reset`."""
        return self._backoff.attempt

    def reset(self) -> None:
        """Let the next attempt be made at once: the last connection was of use."""
        self._backoff.reset()

    async def open(self) -> ClientConnection:
        """A new connection; tries until there is one. Safe to cancel."""
        while True:
            await asyncio.sleep(self._backoff.next_delay_s())
            await self._connects.spend()
            try:
                connection = await self._connect()
            except (OSError, WebSocketException) as error:
                metrics.CONNECTS.labels("failed").inc()
                problem = (str(error) or repr(error)) + through(self._proxy)
                log.warning("shard.connect_failed", attempt=self.attempt, error=problem)
                await asyncio.sleep(_ban_s(error))
                continue
            metrics.CONNECTS.labels("opened").inc()
            return connection

    async def _connect(self) -> ClientConnection:
        return await connect(
            self._url,
            compression=None,
            ping_interval=None,  # the frames themselves are the pulse, and a ping would count as a control message
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=self._frame_max_bytes,
            max_queue=_QUEUED_FRAMES,
            proxy=self._proxy.url if self._proxy else None,
        )


def _ban_s(error: Exception) -> float:
    """How long the exchange's ban lasts; more attempts would extend it."""
    if isinstance(error, InvalidStatus) and is_ban(error.response.status_code):
        return retry_after_s(error.response.headers.get("Retry-After", ""))
    return 0.0
