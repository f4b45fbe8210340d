"""Proxies of the environment: used on the way to the exchange, never between our own processes."""

import os
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SUPPORTED = ("http", "https")


class Proxy(NamedTuple):
    """An HTTP proxy, and the environment variable that names it."""

    url: str
    variable: str


class UnusableProxyError(ValueError):
    """The environment names a proxy that cannot be used. The text names the variable and holds no value."""


def proxy_for(url: str) -> Proxy | None:
    """The proxy on the way to `url` (http, https, ws, wss); None to this machine, to what NO_PROXY names, or if the
    environment names none. A proxy without a scheme is an HTTP proxy.

    Raises UnusableProxyError.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.replace("ws", "http")
    proxies = getproxies_environment()
    if parts.hostname in _LOOPBACK or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    for kind in (scheme, "all"):
        if text := proxies.get(kind, "").strip():
            variable = _variable(kind)
            return Proxy(_checked(text, variable), variable)
    return None


def through(proxy: Proxy | None) -> str:
    """For the end of a sentence about a failed attempt."""
    return f", through the proxy that {proxy.variable} names" if proxy else ""


def bypass_proxy(host: str) -> None:
    """Exempt `host` from the environment's proxies, for clients that have no setting of their own for it."""
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if host not in excepted.split(","):
        os.environ["no_proxy"] = ",".join(filter(None, (excepted, host)))


def _checked(text: str, variable: str) -> str:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    # A client that is given more than an address refuses it with the whole value, password and all, in its message.
    if not is_address or parts.path.strip("/") or parts.query or parts.fragment:
        raise UnusableProxyError(f"{variable} must name a proxy as http://host:port")
    if parts.scheme not in _SUPPORTED:
        raise UnusableProxyError(f"{variable} names a {parts.scheme} proxy; only HTTP proxies (http://host:port) work")
    user, at, address = parts.netloc.rpartition("@")
    password = ":" if at and ":" not in user else ""  # without one, `websockets` refuses the user
    return f"{parts.scheme}://{user}{password}{at}{address}"


def _variable(kind: str) -> str:
    """Which variable gave the proxy of `kind`. Lower case wins, as in curl."""
    lower = f"{kind}_proxy"
    return lower if os.environ.get(lower) else lower.upper()
