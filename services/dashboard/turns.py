"""Turns of one client at ClickHouse: a few of its history requests are under way at the same time, the others wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.common.client_limits import client_key
from services.dashboard.errors import HistoryBusyError

AT_ONCE = 2
WAITING = 14
"""Of one client: a page of charts asks for about so many at once."""


@dataclass(slots=True)
class _Client:
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    inside: int = 0


class ClientTurns:
    """Turns by client; nothing is kept of a client without a request."""

    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}

    @asynccontextmanager
    async def turn(self, address: str | None) -> AsyncIterator[None]:
        """Wait until less than `AT_ONCE` requests of the client at `address` are under way. Raises HistoryBusyError."""
        key = client_key(address)
        client = self._clients.setdefault(key, _Client())
        if client.inside >= AT_ONCE + WAITING:
            raise HistoryBusyError
        client.inside += 1
        try:
            async with client.turns:
                yield
        finally:
            client.inside -= 1
            if not client.inside:
                del self._clients[key]
