"""Admission of connections: how many a server holds, in all and of one client, and how many new ones a client may open.

A connection that waits for a request (its first, or the next) gives way when the server is full, the longest waiting
one first: a client that holds idle connections cannot keep out one that sends requests.
"""

import asyncio
import ipaddress
import resource
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from services.common import metrics
from services.common.client_limits import ClientLimit, client_key, parse_address

log = structlog.get_logger()

MAX_DESCRIPTORS = 65_536
REPORT_INTERVAL_S = 10.0

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one server."""

    total: int
    per_client: int = 512
    """Open at once. Addresses that may stand for many clients (`SharedAddresses`) are bound by `total` alone."""
    new_per_client: str = "600/10 seconds"


class Connection(Protocol):
    def give_way(self) -> None:
        """End at once."""


class SharedAddresses:
    """Addresses behind which there may be many clients: this machine, private networks (a container's gateway has one
    of those), and the proxies that the operator names."""

    def __init__(self, trusted_proxies: Collection[str] = ()) -> None:
        self._proxies: Sequence[Network] = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]

    def __contains__(self, address: str | None) -> bool:
        parsed = parse_address(address)
        if parsed is None:
            return False
        return parsed.is_private or any(parsed in proxy for proxy in self._proxies)


class Refusals:
    """Counts what is refused, and logs it in sum: a flood costs one line in `REPORT_INTERVAL_S`."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._unreported: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        metrics.HTTP_REFUSED.labels(self._server, reason).inc()
        if not self._unreported:
            asyncio.get_running_loop().call_later(REPORT_INTERVAL_S, self._report)
        self._unreported[reason] += 1

    def _report(self) -> None:
        log.warning("http.refused", server=self._server, within_s=REPORT_INTERVAL_S, **self._unreported)
        self._unreported.clear()


class ConnectionGate:
    """The open connections of one server."""

    def __init__(self, server: str, limits: ConnectionLimits, shared: SharedAddresses) -> None:
        self._limits = limits
        self._shared = shared
        self._new = ClientLimit(limits.new_per_client)
        self._clients: dict[Connection, str] = {}
        self._of_client: Counter[str] = Counter()
        self._waiting: dict[Connection, None] = {}
        self._gauge = metrics.HTTP_CONNECTIONS.labels(server)

    def admit(self, connection: Connection, address: str | None) -> str | None:
        """Take the new `connection` in, as a waiting one; or the reason why not."""
        client = client_key(address)
        if address not in self._shared:
            if self._of_client[client] >= self._limits.per_client:
                return "per_client"
            if self._new.spend(address):
                return "new_per_client"
        if len(self._clients) >= self._limits.total and not self._make_room():
            return "total"
        self._clients[connection] = client
        self._of_client[client] += 1
        self._waiting[connection] = None
        self._gauge.inc()
        return None

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended. Idempotent."""
        client = self._clients.pop(connection, None)
        if client is None:
            return
        self._waiting.pop(connection, None)
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]
        self._gauge.dec()

    def waits(self, connection: Connection) -> None:
        """The connection has no request."""
        if connection in self._clients:
            self._waiting.setdefault(connection)

    def works(self, connection: Connection) -> None:
        """The connection has a request, or became a websocket's."""
        self._waiting.pop(connection, None)

    def _make_room(self) -> bool:
        longest = next(iter(self._waiting), None)
        if longest is None:
            return False
        self.leave(longest)
        longest.give_way()
        return True


def raise_descriptor_limit() -> int:
    """Let this process open as many files as the system allows it, within reason. Returns the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else MAX_DESCRIPTORS


def max_public_connections() -> int:
    """What a server for people may hold: three quarters of the descriptors, the rest is for databases and files."""
    return min(raise_descriptor_limit(), MAX_DESCRIPTORS) * 3 // 4
