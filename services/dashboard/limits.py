"""Rate limits per client, spent before anything is read or computed."""

from functools import partial

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency

from services.common.abandoned import refund_if_abandoned
from services.common.client_limits import ClientLimit
from services.dashboard.errors import TooManyRequestsError


class Limited:
    """Dependencies of routes: each request spends from its client's share, or raises TooManyRequestsError."""

    def __init__(self, client_rate: str, history_rate: str) -> None:
        self._client = ClientLimit(client_rate)
        self._history = ClientLimit(history_rate)

    @property
    def client(self) -> Dependency:
        """For every route."""
        return _spending(self._client)

    @property
    def history(self) -> Dependency:
        """For routes that ask ClickHouse, besides `client`."""
        return _spending(self._history)


def client_address(request: Request) -> str | None:
    """Where a request comes from, by the proxies that are trusted."""
    return request.client.host if request.client else None


def _spending(limit: ClientLimit) -> Dependency:
    async def spend(request: Request) -> None:
        address = client_address(request)
        wait_s = limit.spend(address)
        if wait_s:
            raise TooManyRequestsError(wait_s)
        refund_if_abandoned(request.scope, partial(limit.refund, address))

    dependency: Dependency = Depends(spend)
    return dependency
