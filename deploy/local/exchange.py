"""Where prices come from: the real exchange where it can be reached within a few seconds, else the simulator."""

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

import httpx
from websockets.asyncio.client import connect

from services.common.network import Proxy, UnusableProxyError, proxy_for, through

PROBE_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where the socket service connects. `reason` explains the choice to a person."""

    source: Literal["binance", "simulator"]
    stream_url: str
    rest_url: str
    reason: str


BINANCE = Exchange("binance", "wss://data-stream.binance.vision", "https://data-api.binance.vision", "it answers")
"""Its addresses for market data: no account, no key."""


def simulator(stream_port: int, rest_port: int) -> Exchange:
    """Our own, on this machine."""
    urls = f"ws://127.0.0.1:{stream_port}", f"http://127.0.0.1:{rest_port}"
    return Exchange("simulator", *urls, "EXCHANGE=simulator asks for it")


async def choose(wanted: Literal["auto", "binance", "simulator"], fallback: Exchange, binance: Exchange) -> Exchange:
    """`wanted`, or for `auto` Binance if it answers. Takes `PROBE_LIMIT_S` at most; safe to cancel."""
    if wanted == "simulator":
        return fallback
    problem = await probe(binance.stream_url, binance.rest_url)
    if problem is None:
        return binance
    reason = f"Binance cannot be reached: {problem}"
    if wanted == "binance":
        return replace(binance, reason=f"EXCHANGE=binance asks for it, and it is tried on. {reason}")
    return replace(fallback, reason=reason)


async def probe(stream_url: str, rest_url: str, limit_s: float = PROBE_LIMIT_S) -> str | None:
    """None when both the REST interface and the stream answer within `limit_s`, else what went wrong."""
    try:
        proxy, stream_proxy = proxy_for(rest_url), proxy_for(stream_url)
    except UnusableProxyError as error:
        return str(error)
    try:
        async with asyncio.timeout(limit_s), asyncio.TaskGroup() as tasks:
            tasks.create_task(_ping(rest_url, proxy))
            tasks.create_task(_open_stream(stream_url, stream_proxy))
    except TimeoutError:
        return f"no answer within {limit_s:g} s{through(proxy)}"
    except ExceptionGroup as problems:
        return f"{_sentence(problems.exceptions[0])}{through(proxy)}"
    return None


async def _ping(rest_url: str, proxy: Proxy | None) -> None:
    async with httpx.AsyncClient(proxy=proxy.url if proxy else None, trust_env=False) as client:
        (await client.get(f"{rest_url}/api/v3/ping")).raise_for_status()


async def _open_stream(stream_url: str, proxy: Proxy | None) -> None:
    url = f"{stream_url}/ws/btcusdt@miniTicker"
    async with connect(url, close_timeout=0.1, proxy=proxy.url if proxy else None):
        pass


def _sentence(problem: BaseException) -> str:
    return str(problem).splitlines()[0].rstrip(".") if str(problem) else type(problem).__name__
