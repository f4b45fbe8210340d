"""Stalled clients: those that missed a document because they are full, and the end of those that stay so."""

import asyncio

from services.profile.live import metrics
from services.profile.live.viewers import Sink


class Stalled:
    """The clients that are full now. One that takes nothing for `stuck_after_s` is cut while `cut_stuck` runs."""

    def __init__(self, *, stuck_after_s: float) -> None:
        self._stuck_after_s = stuck_after_s
        self._since_s: dict[Sink, float] = {}  # loop time, oldest first

    def add(self, sink: Sink) -> None:
        """Note that `sink` missed a document. What counts is the first one that it missed."""
        metrics.CONFLATED.inc()
        self._since_s.setdefault(sink, asyncio.get_running_loop().time())
        metrics.STALLED.set(len(self._since_s))

    def remove(self, sink: Sink) -> bool:
        """Forget `sink`. Whether it had missed anything."""
        missed = self._since_s.pop(sink, None) is not None
        metrics.STALLED.set(len(self._since_s))
        return missed

    async def cut_stuck(self) -> None:
        """Cut, until cancelled, clients that have taken nothing for too long."""
        while True:
            await asyncio.sleep(self._stuck_after_s / 4)
            oldest_s = asyncio.get_running_loop().time() - self._stuck_after_s
            for sink in [sink for sink, since_s in self._since_s.items() if since_s <= oldest_s]:
                del self._since_s[sink]
                sink.abort()
                metrics.CUT.inc()
            metrics.STALLED.set(len(self._since_s))
