"""The service as its gRPC clients see it."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

import pytest
from grpc import StatusCode, aio

from proto import socket_pb2 as pb
from proto import socket_pb2_grpc
from services.common.grpc import open_channel
from tests.processes import Process, until
from tests.socket.harness import Proxy, Simulator, assert_nothing_missing, last_words, metric, running_proxy, subscribed


def slug(error: aio.AioRpcError) -> object:
    return dict(error.trailing_metadata())["x-error-code"]


async def test_the_original_calls_give_one_raw_payload_a_message(simulator: Simulator, proxy: Proxy) -> None:
    call: Any = proxy.stub.ReceiveRawAggTrade(pb.RawAggTradeRequest(symbol="BTCUSDT"))
    assert dict(await call.initial_metadata())["x-source"] == "simulator"
    trade = json.loads((await call.read()).data)
    assert (trade["e"], trade["s"]) == ("aggTrade", "BTCUSDT")
    call.cancel()
    call = proxy.stub.ReceiveRawMiniTicker(pb.RawMiniTickerRequest())
    assert dict(await call.initial_metadata())["x-source"] == "simulator"
    tickers = json.loads((await call.read()).data)
    assert {ticker["e"] for ticker in tickers} == {"24hrMiniTicker"}
    call.cancel()


async def test_payloads_arrive_byte_for_byte(simulator: Simulator, proxy: Proxy) -> None:
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more(10)
        happened = await simulator.trades("BTCUSDT")
        for data in trades.frames[:10]:
            trade_id = json.loads(data)["a"]
            assert data == json.dumps(happened[trade_id], separators=(",", ":")).encode()


async def test_source_is_sent_before_the_first_frame(simulator: Simulator) -> None:
    down = {"exchange_stream_url": "ws://127.0.0.1:9", "exchange_rest_url": "http://127.0.0.1:9"}
    async with running_proxy(down) as proxy:
        for call in (proxy.stub.StreamMiniTickers(pb.RawMiniTickerRequest()), proxy.stub.StreamAggTrades()):
            assert dict(await call.initial_metadata())["x-source"] == "simulator"
            call.cancel()


async def test_the_symbols_are_those_of_the_exchange(simulator: Simulator, proxy: Proxy) -> None:
    symbols = await proxy.symbols()
    assert len(symbols) == 12
    btcusdt = next(symbol for symbol in symbols if symbol.symbol == "btcusdt")
    assert (btcusdt.base, btcusdt.quote, btcusdt.status) == ("BTC", "USDT", "TRADING")


@pytest.mark.parametrize(
    ("symbol", "code", "expected_slug"),
    [
        ("btc usdt", StatusCode.INVALID_ARGUMENT, "invalid_symbol"),
        ("", StatusCode.INVALID_ARGUMENT, "invalid_symbol"),
        ("nopeusdt", StatusCode.NOT_FOUND, "unknown_symbol"),
    ],
)
async def test_symbols_that_cannot_be_streamed(proxy: Proxy, symbol: str, code: StatusCode, expected_slug: str) -> None:
    await proxy.symbols()
    with pytest.raises(aio.AioRpcError) as failure:
        await proxy.stub.ReceiveRawAggTrade(pb.RawAggTradeRequest(symbol=symbol)).read()
    assert (failure.value.code(), slug(failure.value)) == (code, expected_slug)


async def test_a_stream_of_many_skips_unknown_symbols_and_refuses_malformed_ones(proxy: Proxy) -> None:
    await proxy.symbols()
    async with subscribed(proxy, "nopeusdt", "BTCUSDT") as trades:
        await trades.more()
        await trades.want("btc/usdt")
        error = await trades.until_ended()
    assert (error.code(), slug(error)) == (StatusCode.INVALID_ARGUMENT, "invalid_symbol")


async def test_interest_follows_the_last_request_and_ends_with_the_stream(simulator: Simulator, proxy: Proxy) -> None:
    async def asked() -> set[str]:
        connections = (await simulator.state())["connections"]  # a former one may still be ending
        streams = {stream for connection in connections for stream in connection["streams"]}
        return {stream for stream in streams if stream.endswith("@aggTrade")}

    async def is_asked(*streams: str) -> bool:
        return await asked() == set(streams)

    async with subscribed(proxy, "btcusdt", "ethusdt") as trades, subscribed(proxy, "btcusdt"):
        await until(lambda: is_asked("btcusdt@aggTrade", "ethusdt@aggTrade"))
        await trades.want("bnbusdt")
        await until(lambda: is_asked("btcusdt@aggTrade", "bnbusdt@aggTrade"))
    await until(is_asked)


async def test_many_subscribers_of_one_symbol_share_one_stream(simulator: Simulator, proxy: Proxy) -> None:
    async with subscribed(proxy, "btcusdt") as first, subscribed(proxy, "btcusdt") as second:
        await first.more()
        await second.more()
        await assert_nothing_missing(simulator, first, "btcusdt")
        await assert_nothing_missing(simulator, second, "btcusdt")


READS_ONE_FRAME_AN_HOUR = """
import asyncio, sys
from proto import socket_pb2 as pb, socket_pb2_grpc
from services.common.grpc import open_channel

async def main():
    async with open_channel(sys.argv[1]) as channel:
        call = socket_pb2_grpc.SocketServiceStub(channel).ReceiveRawAggTrade(pb.RawAggTradeRequest(symbol="btcusdt"))
        while True:
            await call.read()
            print("reading", flush=True)
            await asyncio.sleep(3600)

asyncio.run(main())
"""


async def test_a_frozen_subscriber_is_cut_and_harms_no_other(simulator: Simulator) -> None:
    cut = metric("socket_subscribers_cut_total")
    async with running_proxy(simulator.urls, queue_max_frames=2_000) as proxy, subscribed(proxy, "btcusdt") as healthy:
        await proxy.ready()
        frozen = Process([sys.executable, "-c", READS_ONE_FRAME_AN_HOUR, proxy.target], {}).start()
        try:
            await until(lambda: "reading" in frozen.output())
            frozen.freeze()

            async def is_cut() -> bool:
                await simulator.control("burst", symbol="BTCUSDT", count=3_000)
                return metric("socket_subscribers_cut_total") > cut

            await until(is_cut, what="the cut")
            await assert_nothing_missing(simulator, healthy, "btcusdt")
            assert metric("socket_subscribers_cut_total") == cut + 1
        finally:
            frozen.kill()


async def test_a_subscriber_that_falls_behind_is_notified(simulator: Simulator) -> None:
    async with running_proxy(simulator.urls, queue_max_frames=200) as proxy, open_channel(proxy.target) as channel:
        await proxy.ready()
        call: Any = socket_pb2_grpc.SocketServiceStub(channel).StreamAggTrades()
        await call.write(pb.AggTradeInterest(symbols=["btcusdt"]))
        await call.read()
        cut = metric("socket_subscribers_cut_total")

        async def is_cut() -> bool:
            await simulator.control("burst", symbol="BTCUSDT", count=5_000)
            return metric("socket_subscribers_cut_total") > cut

        await until(is_cut, what="the cut")
        error = await last_words(call)
    assert (error.code(), slug(error)) == (StatusCode.RESOURCE_EXHAUSTED, "too_slow")


async def test_a_stopping_server_sends_its_subscribers_away(simulator: Simulator) -> None:
    async with AsyncExitStack() as client:
        async with running_proxy(simulator.urls) as proxy:
            await proxy.ready()
            channel = await client.enter_async_context(open_channel(proxy.target))
            call: Any = socket_pb2_grpc.SocketServiceStub(channel).StreamMiniTickers(pb.RawMiniTickerRequest())
            await call.read()
            leaving = asyncio.ensure_future(last_words(call))
        error = await leaving
    assert (error.code(), slug(error)) == (StatusCode.UNAVAILABLE, "draining")


class Tickers:
    """A subscriber to mini-tickers: the frames that have come, and the number of the first one."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.frames: list[bytes] = []
        self.position = ""

    async def more(self, number: int) -> None:
        """Read until so many have come in all."""
        self.position = self.position or dict(await self.call.initial_metadata())["x-position"]
        while len(self.frames) < number:
            self.frames += (await self.call.read()).data

    @property
    def last(self) -> str:
        ring, _, first = self.position.partition(":")
        return f"{ring}:{int(first) + len(self.frames) - 1}"


def tickers(proxy: Proxy, after: str | None = None) -> Tickers:
    metadata = (("x-resume-after", after),) if after is not None else None
    return Tickers(proxy.stub.StreamMiniTickers(pb.RawMiniTickerRequest(), metadata=metadata))


async def test_a_subscriber_goes_on_with_the_frame_after_its_last(simulator: Simulator, proxy: Proxy) -> None:
    steady, cut = tickers(proxy), tickers(proxy)
    await steady.more(1)
    await cut.more(2)
    cut.call.cancel()
    await steady.more(5)
    again = tickers(proxy, cut.last)
    await again.more(3)
    begin = int(cut.position.partition(":")[2]) - int(steady.position.partition(":")[2])
    await steady.more(begin + 5)
    assert [*cut.frames[:2], *again.frames][:5] == steady.frames[begin : begin + 5]
    for call in (steady.call, again.call):
        call.cancel()


@pytest.mark.parametrize("after", ["another:3", "nonsense", ""])
async def test_what_names_no_frame_of_ours_begins_now(simulator: Simulator, proxy: Proxy, after: str) -> None:
    steady = tickers(proxy)
    await steady.more(2)
    other = tickers(proxy, after)
    await other.more(1)
    ring, _, number = other.position.partition(":")
    assert (ring, int(number) >= 2) == (steady.position.partition(":")[0], True)
    for call in (steady.call, other.call):
        call.cancel()
