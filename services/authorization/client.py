"""The end user behind a call: address and user agent, as far as the caller sends them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

USER_AGENT_CHARACTERS_MAX = 256
IPV6_NETWORK_BITS = 64


@dataclass(frozen=True, slots=True)
class Client:
    """The end user's side of a call. `address` is a well-formed IP address, or None if the caller sent none."""

    address: str | None = None
    user_agent: str | None = None

    @property
    def network(self) -> str | None:
        """What counts as one party for limits: an IPv4 address, or the /64 that one IPv6 customer has to itself."""
        if self.address is None:
            return None
        if ipaddress.ip_address(self.address).version == 4:
            return self.address
        return str(ipaddress.ip_network((self.address, IPV6_NETWORK_BITS), strict=False))


def read_client(metadata: Mapping[str, str]) -> Client:
    """The client from request metadata. Malformed values count as absent."""
    agent = metadata.get("x-user-agent", "")[:USER_AGENT_CHARACTERS_MAX]
    return Client(_address(metadata.get("x-client-address", "")), agent if agent and agent.isprintable() else None)


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
