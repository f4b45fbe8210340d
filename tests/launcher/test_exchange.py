"""Where prices come from: the real exchange, unless it does not answer in time."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from deploy.local import proxies
from deploy.local.exchange import Exchange, choose, probe
from tests.processes import Process, free_port, service, until_ready

SIMULATOR = Exchange("simulator", "ws://simulator", "http://simulator", "asked for")


def binance_at(stream_port: int, rest_port: int) -> Exchange:
    return Exchange("binance", f"ws://127.0.0.1:{stream_port}", f"http://127.0.0.1:{rest_port}", "it answers")


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    """A server that speaks Binance's protocol."""
    stream_port, rest_port, ops_port = free_port(), free_port(), free_port()
    ports = {"STREAM_PORT": str(stream_port), "REST_PORT": str(rest_port), "OPS_PORT": str(ops_port)}
    process: Process = service("simulator", ports).start()
    await until_ready(process, ops_port)
    yield binance_at(stream_port, rest_port)
    process.stop()


async def test_an_exchange_that_answers_is_chosen(exchange: Exchange) -> None:
    assert await probe(exchange.stream_url, exchange.rest_url, limit_s=30) is None


async def test_a_stream_that_refuses_is_enough_to_choose_the_simulator(exchange: Exchange) -> None:
    problem = await probe(f"ws://127.0.0.1:{free_port()}", exchange.rest_url, limit_s=30)

    assert problem is not None
    assert "refused" in problem.lower() or "connect" in problem.lower()


async def test_a_closed_port_leads_to_the_simulator_and_the_reason_is_given() -> None:
    chosen = await choose("auto", SIMULATOR, binance_at(free_port(), free_port()))

    assert (chosen.source, chosen.stream_url) == ("simulator", SIMULATOR.stream_url)
    assert chosen.reason.startswith("Binance cannot be reached: ")


async def test_a_silent_exchange_costs_no_more_than_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with asyncio.timeout(20):
            problem = await probe(f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}", limit_s=0.2)

    assert problem == "no answer within 0.2 s"


@pytest.mark.parametrize(
    "proxy",
    [
        "ALL_PROXY=socks://127.0.0.1:7891/",
        "ALL_PROXY=socks5://127.0.0.1:7891",
        "all_proxy=socks5h://127.0.0.1:7891",
        "HTTPS_PROXY=http://127.0.0.1:9",
        "HTTPS_PROXY=127.0.0.1:9",
        "https_proxy=http://",
        "HTTPS_PROXY=socks5://me:secret@127.0.0.1:7891",
        "ALL_PROXY=nonsense://[",
    ],
)
@pytest.mark.parametrize("wanted", ["auto", "binance"])
async def test_a_proxy_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch, proxy: str, wanted: str) -> None:
    for name in (*proxies.VARIABLES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    name, _, value = proxy.partition("=")
    monkeypatch.setenv(name, value)
    elsewhere = Exchange("binance", "wss://stream.exchange.test", "https://rest.exchange.test", "it answers")

    chosen = await choose(wanted, SIMULATOR, elsewhere)  # type: ignore[arg-type]

    assert chosen.source == {"auto": "simulator", "binance": "binance"}[wanted]
    assert "Binance cannot be reached: " in chosen.reason
    assert name in chosen.reason
    assert "secret" not in chosen.reason
    assert len(chosen.reason.splitlines()) == 1


async def test_the_simulator_is_not_questioned_and_binance_is_tried_on() -> None:
    binance = binance_at(free_port(), free_port())

    assert await choose("simulator", SIMULATOR, binance) is SIMULATOR
    chosen = await choose("binance", SIMULATOR, binance)
    assert (chosen.source, chosen.stream_url) == ("binance", binance.stream_url)
    assert chosen.reason.startswith("EXCHANGE=binance asks for it, and it is tried on. Binance cannot be reached: ")
