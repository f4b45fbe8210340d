"""The service as a process: started before its exchange, stopped while it serves."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from grpc import StatusCode, aio

from proto import socket_pb2 as pb
from proto import socket_pb2_grpc
from services.common.grpc import open_channel
from tests.processes import Process, free_port, service, until, until_ready
from tests.socket.harness import last_words, running_proxy, start_simulator, subscribed

NOTHING_YET = {"exchange": "no frame from the exchange yet", "mini_tickers": "no mini-ticker accepted yet"}


async def test_an_exchange_that_is_down_at_the_start_neither_blocks_nor_ends_the_service() -> None:
    exchange = start_simulator()
    exchange.process.kill()
    port, ops_port = free_port(), free_port()
    process = _service(exchange.urls, port, ops_port).start()
    try:
        async with open_channel(f"127.0.0.1:{port}") as channel, httpx.AsyncClient(trust_env=False) as ops:
            stub = socket_pb2_grpc.SocketServiceStub(channel)
            await asyncio.wait_for(channel.channel_ready(), 30)
            with pytest.raises(aio.AioRpcError) as failure:
                await stub.ListSymbols(pb.ListSymbolsRequest(), timeout=5)
            assert failure.value.code() is StatusCode.UNAVAILABLE
            ready = await ops.get(f"http://127.0.0.1:{ops_port}/readyz")
            assert (ready.status_code, ready.json()["problems"]) == (503, NOTHING_YET)
            assert (await ops.get(f"http://127.0.0.1:{ops_port}/livez")).status_code == 200

            call: Any = stub.ReceiveRawAggTrade(pb.RawAggTradeRequest(symbol="btcusdt"))
            exchange.process.start()
            await until_ready(process, ops_port, 60)
            assert json.loads((await call.read()).data)["s"] == "BTCUSDT"

            assert await asyncio.to_thread(process.stop) == 0
            assert (await last_words(call)).code() is StatusCode.UNAVAILABLE
    finally:
        process.kill()
        exchange.process.kill()


async def test_a_restarted_exchange_is_followed_again() -> None:
    exchange = start_simulator(RATE=2)
    port, ops_port = free_port(), free_port()
    process = _service(exchange.urls, port, ops_port).start()
    try:
        await until_ready(process, ops_port, 60)
        async with open_channel(f"127.0.0.1:{port}") as channel:
            stub = socket_pb2_grpc.SocketServiceStub(channel)
            call: Any = stub.ReceiveRawAggTrade(pb.RawAggTradeRequest(symbol="btcusdt"))
            await call.read()
            exchange.process.kill()
            exchange.process.start()

            async def born_ms() -> int:
                return min((trade["T"] for trade in (await exchange.trades("BTCUSDT")).values()), default=0)

            first_ms = await until(born_ms, 60)
            while json.loads((await call.read()).data)["T"] < first_ms:
                pass
    finally:
        process.kill()
        exchange.process.kill()


async def test_a_symbol_that_is_listed_later_gets_its_trades_without_being_asked_for_again() -> None:
    exchange = start_simulator(RATE=2, SYMBOL_COUNT=2)
    try:
        await exchange.ready()
        async with running_proxy(exchange.urls, symbols_refresh_s=0.1) as proxy:
            listed = {symbol.symbol for symbol in await proxy.symbols()}
            assert listed == {"btcusdt", "ethusdt"}
            async with subscribed(proxy, "btcusdt", "solusdt") as trades:
                await trades.more()
                assert not trades.ids("SOLUSDT")
                exchange.process.kill()
                exchange.process.env = {**exchange.process.env, "SYMBOL_COUNT": "3"}
                exchange.process.start()
                await until(lambda: trades.ids("SOLUSDT"), what="trades of the new symbol")
    finally:
        exchange.process.kill()


def _service(urls: dict[str, str], port: int, ops_port: int) -> Process:
    env = {name.upper(): value for name, value in urls.items()}
    return service("socket", {**env, "GRPC_ADDRESS": f"127.0.0.1:{port}", "OPS_PORT": str(ops_port)})
