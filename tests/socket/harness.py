"""The service in this process on a real port, the simulator as a real process, and subscribers that remember."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from grpc import aio
from prometheus_client import REGISTRY

from proto import socket_pb2 as pb
from proto import socket_pb2_grpc
from services.common.grpc import open_channel
from services.common.lifecycle import Lifecycle
from services.socket.app import app
from services.socket.settings import SocketSettings
from tests.processes import Process, free_port, service, until, until_ready

FAST: dict[str, Any] = {"silence_s": 10.0, "overlap_s": 0.3, "ack_timeout_s": 1.0, "linger_s": 0.2}
"""Settings for tests: the same rules, sooner."""


@dataclass(slots=True)
class Simulator:
    """An exchange of our own that misbehaves on request, through its control endpoints."""

    process: Process
    stream_port: int
    rest_port: int
    ops_port: int

    @property
    def urls(self) -> dict[str, str]:
        return {
            "exchange_stream_url": f"ws://127.0.0.1:{self.stream_port}",
            "exchange_rest_url": f"http://127.0.0.1:{self.rest_port}",
        }

    async def ready(self) -> None:
        await until_ready(self.process, self.ops_port)

    async def control(self, action: str, **body: Any) -> Any:
        """POST /control/<action>; returns the answer's JSON."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(f"http://127.0.0.1:{self.rest_port}/control/{action}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def state(self) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return (await client.get(f"http://127.0.0.1:{self.rest_port}/control/state")).json()

    async def trades(self, symbol: str) -> dict[int, dict[str, Any]]:
        """Everything that happened in `symbol` (upper case), by trade id: also what the stream never showed."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            url = f"http://127.0.0.1:{self.rest_port}/control/journal"
            lines = (await client.get(url, params={"symbol": symbol})).text.splitlines()
        records = [json.loads(line) for line in lines]
        return {r["data"]["a"]: r["data"] for r in records if r["kind"] in ("aggTrade", "skipped")}


def start_simulator(**env: object) -> Simulator:
    """A simulator with few symbols; the caller awaits `ready` and ends its process."""
    stream_port, rest_port, ops_port = free_port(), free_port(), free_port()
    ports = {"STREAM_PORT": stream_port, "REST_PORT": rest_port, "OPS_PORT": ops_port}
    settings = {"SYMBOL_COUNT": 12, "CONNECT_LIMIT": 0, **ports, **env}
    process = service("simulator", {name: str(value) for name, value in settings.items()})
    return Simulator(process.start(), stream_port, rest_port, ops_port)


@dataclass(slots=True)
class Proxy:
    """The running service, seen as its clients see it."""

    life: Lifecycle
    stub: "socket_pb2_grpc.SocketServiceAsyncStub"
    target: str

    async def ready(self, timeout_s: float = 60.0) -> None:
        async def is_ready() -> bool:
            return not await self.life.health.problems()

        await until(is_ready, timeout_s, "readiness")

    async def symbols(self) -> list[pb.Symbol]:
        async def listed() -> list[pb.Symbol]:
            with suppress(aio.AioRpcError):
                return list((await self.stub.ListSymbols(pb.ListSymbolsRequest())).symbols)
            return []

        return list(await until(listed, what="the list of symbols"))


@asynccontextmanager
async def running_proxy(urls: dict[str, str], **settings: Any) -> AsyncIterator[Proxy]:
    """The service's own composition, in this process."""
    target = f"127.0.0.1:{free_port()}"
    chosen = SocketSettings(grpc_address=target, exchange_source="simulator", **(FAST | urls | settings))
    async with asyncio.TaskGroup() as tasks:
        life = Lifecycle(tasks)
        async with app(chosen, life), open_channel(target) as channel:
            life.health.started = True
            yield Proxy(life, socket_pb2_grpc.SocketServiceStub(channel), target)


@dataclass(slots=True)
class Trades:
    """What one StreamAggTrades call has brought."""

    call: Any
    frames: list[bytes] = field(default_factory=list)
    error: aio.AioRpcError | None = None

    def ids(self, symbol: str) -> list[int]:
        """The ids of `symbol` (upper case), in the order in which they came."""
        trades = map(json.loads, self.frames)
        return [trade["a"] for trade in trades if trade["s"] == symbol]

    async def want(self, *symbols: str) -> None:
        await self.call.write(pb.AggTradeInterest(symbols=symbols))

    async def more(self, count: int = 5) -> None:
        """Wait for so many more frames than there are now."""
        goal = len(self.frames) + count
        await until(lambda: len(self.frames) >= goal or self.error, what=f"{count} more frames")
        assert self.error is None, self.error

    async def until_ended(self) -> aio.AioRpcError:
        await until(lambda: self.error, what="the end of the stream")
        assert self.error is not None
        return self.error

    async def _read(self) -> None:
        try:
            async for batch in self.call:
                self.frames.extend(batch.data)
        except aio.AioRpcError as error:
            self.error = error


async def last_words(call: Any) -> aio.AioRpcError:
    """Read what is left of a stream; the error it ends with."""
    try:
        while await call.read() is not aio.EOF:
            pass
    except aio.AioRpcError as error:
        return error
    raise AssertionError("the stream ended without an error")


@asynccontextmanager
async def subscribed(proxy: Proxy, *symbols: str) -> AsyncIterator[Trades]:
    """A subscriber that reads all the time."""
    trades = Trades(proxy.stub.StreamAggTrades())
    await trades.want(*symbols)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(trades._read())
        try:
            yield trades
        finally:
            trades.call.cancel()
            reading.cancel()


async def assert_nothing_missing(simulator: Simulator, trades: Trades, symbol: str) -> None:
    """Stop the market, wait for its last trade, and compare with the simulator's journal: each id once, in order."""
    await simulator.control("pause")
    try:
        happened = await simulator.trades(symbol.upper())
        newest = max(happened)
        await until(lambda: newest in trades.ids(symbol.upper()), what=f"trade {newest}")
    finally:
        await simulator.control("resume")
    received = [trade for trade in map(json.loads, trades.frames) if trade["s"] == symbol.upper()]
    expected = [happened[trade_id] for trade_id in sorted(happened) if trade_id >= received[0]["a"]]
    assert [_known_everywhere(trade) for trade in received] == [_known_everywhere(trade) for trade in expected]


def _known_everywhere(trade: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in trade.items() if key != "E"}  # REST does not return the event time


def metric(name: str, **labels: str) -> float:
    """The value of a metric of this process now; 0 if it has not been touched."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
