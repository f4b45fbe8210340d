"""The end user behind a call: address and user agent, as far as the caller sends them."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.common.client_limits import client_key, parse_address

USER_AGENT_CHARACTERS_MAX = 256


@dataclass(frozen=True, slots=True)
class Client:
    """The end user's side of a call."""

    address: str | None = None
    """A well-formed IP address; None if the caller sent none."""
    user_agent: str | None = None
    network: str | None = None
    """What counts as one client for limits; None if the caller sent no address at all."""


def read_client(metadata: Mapping[str, str]) -> Client:
    """The client from request metadata. Malformed values count as absent, but for limits: they are one client's."""
    sent = metadata.get("x-client-address", "").strip()
    agent = metadata.get("x-user-agent", "")[:USER_AGENT_CHARACTERS_MAX]
    parsed = parse_address(sent)
    return Client(
        address=None if parsed is None else str(parsed),
        user_agent=agent if agent and agent.isprintable() else None,
        network=client_key(sent) if sent else None,
    )
