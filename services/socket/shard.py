"""One connection to the exchange, kept alive and replaced without a gap where possible.

Make before break: a successor is opened and subscribed while its predecessor is still read; trades of both are
de-duplicated by id later.
"""

import asyncio
import random
import time
from collections.abc import Set
from functools import partial

import structlog
from websockets.asyncio.client import ClientConnection

from services.exchanges.exchange import Exchange
from services.exchanges.pacing import Allowance
from services.socket import metrics
from services.socket.dialer import Dialer
from services.socket.link import Link, LinkTimes, OnFrame
from services.socket.refusals import Refusals
from services.socket.settings import SocketSettings
from services.socket.subscriptions import Subscriptions

log = structlog.get_logger()

_RETIRE_WITHIN_S = 600.0
"""How long a replaced connection is read for the sake of symbols that its successor is refused: three attempts long."""


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
        url = exchange.stream_url(settings.exchange_stream_url)
        self._dialer = Dialer(url, connects, settings.frame_max_bytes)
        self._wanted = wanted
        self._refusals = refusals
        self._on_frame = on_frame
        self._links: set[Link] = set()
        self._carried_changed = asyncio.Event()
        self._last_frame_s = last_frame_s
        self._complete_s = time.monotonic()

    def wanted_changed(self) -> None:
        """Act on a change of `wanted`."""
        self._note_complete(*self._links)
        for link in self._links:
            link.subscriptions.wanted_changed.set()
        self._note_carried()

    def missing(self, longer_than_s: float) -> Set[str]:
        """The wanted symbols that no link has carried for so long, but for those that the exchange refuses."""
        if time.monotonic() - self._complete_s <= longer_than_s:
            return frozenset()
        carried = set[str]().union(*(link.subscriptions.asked for link in self._links))
        return self._wanted - carried - self._refusals.set_aside

    def _note_complete(self, *links: Link) -> None:
        if any(link.subscriptions.is_complete for link in links):
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
            self._dialer.reset()
        metrics.REPLACEMENTS.labels(reason.value).inc()
        log.warning("shard.replacing_connection", reason=reason.value, symbols=len(self._wanted))

    async def _open(self, tasks: asyncio.TaskGroup) -> Link:
        """A new link, being served."""
        link = self._link(await self._dialer.open())
        log.info("shard.connected", symbols=len(self._wanted), attempt=self._dialer.attempt)
        self._links.add(link)
        tasks.create_task(self._serve(link))
        return link

    def _link(self, connection: ClientConnection) -> Link:
        settings = self._settings
        subscriptions = Subscriptions(
            partial(connection.send, text=True),
            self._exchange,
            settings.ack_timeout_s,
            self._wanted,
            self._refusals,
            on_asked=self._note_carried,
        )
        life_s = settings.connection_life_s * random.uniform(0.95, 1.0)  # noqa: S311 - jitter, not a secret
        return Link(connection, self._exchange, subscriptions, LinkTimes(settings.silence_s, life_s), self._on_frame)

    async def _serve(self, link: Link) -> None:
        try:
            await link.serve()
        finally:
            self._links.discard(link)
            self._note_complete(link)
            self._note_carried()
            self._last_frame_s = max(self._last_frame_s, link.last_frame_s)

    async def _retire(self, link: Link) -> None:
        """Close `link` once the others carry all that it brings, or after `_RETIRE_WITHIN_S`."""
        await asyncio.sleep(self._settings.overlap_s)
        try:
            async with asyncio.timeout(_RETIRE_WITHIN_S):
                while alone := self._carried_alone(link):
                    await self._carried_changed.wait()  # its successor was refused a symbol that it still brings
        except TimeoutError:
            log.warning("shard.retired_incomplete", symbols=len(alone), example=min(alone))
        await link.close()

    def _carried_alone(self, link: Link) -> Set[str]:
        """The wanted symbols that `link` brings and no other; none once it has ended."""
        if link not in self._links:
            return frozenset()
        others = (other for other in self._links if other is not link and not other.over.done())
        beside = set[str]().union(*(other.subscriptions.asked for other in others))
        return (link.subscriptions.asked & self._wanted) - beside

    def _note_carried(self) -> None:
        """Wake each link's retirement: what the links carry, or what is wanted of them, has changed."""
        self._carried_changed.set()
        self._carried_changed = asyncio.Event()


async def _subscribed(link: Link) -> bool:
    """Wait until the link carries everything wanted (True), or should be replaced before that (False)."""
    await asyncio.wait((link.subscriptions.complete, link.over), return_when=asyncio.FIRST_COMPLETED)
    return not link.over.done()
