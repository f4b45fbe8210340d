"""One connection to the exchange, kept alive and replaced without a gap where possible.

Make before break: a successor is opened and subscribed while its predecessor is still read; trades of both are
de-duplicated by id later.
"""

import asyncio
import random
import time
from collections.abc import Set

import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from services.common.backoff import Backoff
from services.common.network import proxy_for, through
from services.exchanges.exchange import Exchange
from services.exchanges.pacing import Allowance
from services.exchanges.rest_client import is_ban, retry_after_s
from services.socket import metrics
from services.socket.link import Link, LinkTimes, OnFrame
from services.socket.refusals import Refusals
from services.socket.settings import SocketSettings

log = structlog.get_logger()

_OPEN_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_QUEUED_FRAMES = 1_024
_RETIRE_POLL_S = 1.0


class Shard:
    """The symbols in `wanted` (a live set), and the link that carries them."""

    def __init__(
        self,
        settings: SocketSettings,
        exchange: Exchange,
        connects: Allowance,
        wanted: Set[str],
        refusals: Refusals,
        on_frame: OnFrame,
        last_frame_s: float,
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._connects = connects
        self._proxy = proxy_for(settings.exchange_stream_url)
        self._wanted = wanted
        self._refusals = refusals
        self._on_frame = on_frame
        self._links: set[Link] = set()
        self._backoff = Backoff(base_s=0.25, cap_s=2.0)
        self._last_frame_s = last_frame_s
        self._complete_s = time.monotonic()

    def wanted_changed(self) -> None:
        """Act on a change of `wanted`."""
        self._note_complete(*self._links)
        for link in self._links:
            link.wanted_changed.set()

    def missing(self, longer_than_s: float) -> Set[str]:
        """The wanted symbols that no link has carried for so long, but for those that the exchange refuses."""
        if time.monotonic() - self._complete_s <= longer_than_s:
            return frozenset()
        carried = set[str]().union(*(link.asked for link in self._links))
        return self._wanted - carried - self._refusals.set_aside

    def _note_complete(self, *links: Link) -> None:
        if any(link.is_complete for link in links):
            self._complete_s = time.monotonic()

    @property
    def frame_age_s(self) -> float:
        """Time since the last frame, or since `last_frame_s` as given if there was none."""
        return time.monotonic() - max([self._last_frame_s, *(link.last_frame_s for link in self._links)])

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            current: Link | None = None
            while True:
                successor = await self._open(tasks)
                subscribed = await _subscribed(successor)
                if not subscribed and current in self._links:
                    # The predecessor still brings more than a connection that cannot subscribe.
                    successor.abort()
                    await self._note_end(successor)
                    continue
                if subscribed and current is not None:
                    tasks.create_task(self._retire(current))
                current = successor
                await self._note_end(current)

    async def _note_end(self, link: Link) -> None:
        """Wait for the end of a link. One that was of use has earned an immediate next attempt."""
        reason = await link.over
        if link.was_useful:
            self._backoff.reset()
        metrics.REPLACEMENTS.labels(reason.value).inc()
        log.warning("shard.replacing_connection", reason=reason.value, symbols=len(self._wanted))

    async def _open(self, tasks: asyncio.TaskGroup) -> Link:
        """A new link, being served; tries until there is one."""
        while True:
            await asyncio.sleep(self._backoff.next_delay_s())
            await self._connects.spend()
            try:
                link = await self._connect()
            except (OSError, WebSocketException) as error:
                metrics.CONNECTS.labels("failed").inc()
                problem = (str(error) or repr(error)) + through(self._proxy)
                log.warning("shard.connect_failed", attempt=self._backoff.attempt, error=problem)
                await asyncio.sleep(_ban_s(error))
                continue
            metrics.CONNECTS.labels("opened").inc()
            log.info("shard.connected", symbols=len(self._wanted), attempt=self._backoff.attempt)
            self._links.add(link)
            tasks.create_task(self._serve(link))
            return link

    async def _connect(self) -> Link:
        url = self._settings.exchange_stream_url
        connection = await connect(
            self._exchange.stream_url(url),
            compression=None,
            ping_interval=None,  # the frames themselves are the pulse, and a ping would count as a control message
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=self._settings.frame_max_bytes,
            max_queue=_QUEUED_FRAMES,
            proxy=self._proxy.url if self._proxy else None,
        )
        life_s = self._settings.connection_life_s * random.uniform(0.95, 1.0)  # noqa: S311 - jitter, not a secret
        times = LinkTimes(self._settings.silence_s, self._settings.ack_timeout_s, life_s)
        return Link(connection, self._exchange, times, self._wanted, self._refusals, self._on_frame)

    async def _serve(self, link: Link) -> None:
        try:
            await link.serve()
        finally:
            self._links.discard(link)
            self._note_complete(link)
            self._last_frame_s = max(self._last_frame_s, link.last_frame_s)

    async def _retire(self, link: Link) -> None:
        """Close `link` once the others carry all that it brings, unless it has ended by itself."""
        await asyncio.sleep(self._settings.overlap_s)
        while link in self._links and self._carried_by(link) - self._carried_beside(link):  # noqa: ASYNC110 - others may end
            await asyncio.sleep(_RETIRE_POLL_S)  # its successor was refused a symbol that it still brings
        await link.close()

    def _carried_by(self, link: Link) -> Set[str]:
        return link.asked & self._wanted

    def _carried_beside(self, link: Link) -> Set[str]:
        return set[str]().union(*(other.asked for other in self._links if other is not link and not other.over.done()))


async def _subscribed(link: Link) -> bool:
    """Wait until the link carries everything wanted (True), or should be replaced before that (False)."""
    await asyncio.wait((link.subscribed, link.over), return_when=asyncio.FIRST_COMPLETED)
    return not link.over.done()


def _ban_s(error: Exception) -> float:
    """How long the exchange's ban lasts; more attempts would extend it."""
    if isinstance(error, InvalidStatus) and is_ban(error.response.status_code):
        return retry_after_s(error.response.headers.get("Retry-After", ""))
    return 0.0
