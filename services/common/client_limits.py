"""Request rates of single clients, limited in this process: a burst, replenished evenly over a period.

The generic cell rate algorithm (ITU-T I.371, annex A): one number a client, constant time, an exact time to wait. Of
at most `MAX_CLIENTS` clients the number is kept; beyond, the one that has been silent longest starts anew.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from limits import parse

IPV6_NETWORK_BITS = 64
MAX_CLIENTS = 20_000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(address: str | None) -> Address | None:
    """The IP address, without its zone, IPv4 if it is IPv4-mapped; None for anything else."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def client_key(address: str | None) -> str:
    """The client that an address counts for: itself, or the IPv6 /64 that one customer has.

    Addresses that cannot be parsed are one client, "".
    """
    parsed = parse_address(address)
    if parsed is None:
        return ""
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


class ClientLimit:
    """One limit, configured as "600/minute"."""

    def __init__(self, rate: str, clock: Callable[[], float] = time.monotonic) -> None:
        limit = parse(rate)
        self._period_s = float(limit.get_expiry())
        self._interval_s = self._period_s / limit.amount
        self._clock = clock
        self._empty_at_s: OrderedDict[str, float] = OrderedDict()

    def spend(self, address: str | None) -> int:
        """Count a request of the client at `address`: 0 when it may pass, else the seconds it has to wait."""
        client, now = client_key(address), self._clock()
        filled = max(now, self._empty_at_s.get(client, now)) + self._interval_s
        excess_s = filled - now - self._period_s
        if excess_s > 1e-9:  # a float's last digits
            return max(1, math.ceil(excess_s))
        self._empty_at_s[client] = filled
        self._empty_at_s.move_to_end(client)
        if len(self._empty_at_s) > MAX_CLIENTS:
            self._empty_at_s.popitem(last=False)
        return 0

    def refund(self, address: str | None) -> None:
        """Take back one request that `spend` let pass."""
        client = client_key(address)
        if client in self._empty_at_s:
            self._empty_at_s[client] -= self._interval_s
