"""aggTrade frames through socket and aggregator, against a bare websocket client that reads and forgets them.

The simulator bursts a fixed number of trades of one symbol into the chain, then as many of another into the bare
reader, in turns. CPU times are those of each process alone; losses are counted against what the simulator sent.
"""

import asyncio
import multiprocessing
import statistics
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import httpx
import psutil
from websockets.asyncio.client import connect

from tests.conftest import start_postgres, start_redis, stop_postgres, stop_redis
from tests.e2e.stack import Running, Stack
from tests.processes import until

FRAMES = 100_000
ROUNDS = 5
CHAIN_SYMBOL, FLOOR_SYMBOL = "btcusdt", "ethusdt"
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Round:
    """One burst into the chain and one into the floor. Times in seconds, for `FRAMES` frames each."""

    wall_s: float
    socket_cpu_s: float
    aggregator_cpu_s: float
    floor_cpu_s: float
    lost: int


def main() -> None:
    postgres, redis = start_postgres(), start_redis()
    stack = Stack(postgres, redis)
    try:
        _report(asyncio.run(_measure(stack)))
    finally:
        stack.stop()
        stop_redis(redis)
        stop_postgres(postgres)


async def _measure(stack: Stack) -> list[Round]:
    simulator = await stack.start_simulator()
    await stack.start_socket()
    aggregator = await stack.start_aggregator()
    ours, theirs = _spawn.Pipe()
    floor = _spawn.Process(target=_read_and_forget, args=(stack.stream_port, theirs), daemon=True)
    floor.start()
    assert ours.recv() == "reading"
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        follow = f"http://127.0.0.1:{aggregator.port}/coin"
        (await client.get(follow, params={"symbol": CHAIN_SYMBOL, "id": 1})).raise_for_status()
        simulated = f"http://127.0.0.1:{simulator.port}/control"
        (await client.post(f"{simulated}/pause", json={})).raise_for_status()
        await until(lambda: _is_subscribed(client, simulated), what="the chain's subscription")
        rounds = [await _round(stack, client, simulated, floor.pid or 0, ours) for _ in range(ROUNDS)]
    floor.terminate()
    floor.join(10)
    return rounds


async def _is_subscribed(client: httpx.AsyncClient, simulated: str) -> bool:
    return f"{CHAIN_SYMBOL}@aggTrade" in (await client.get(f"{simulated}/state")).text


async def _round(stack: Stack, client: httpx.AsyncClient, simulated: str, floor_pid: int, floor: Connection) -> Round:
    socket, aggregator = stack.running["socket"], stack.running["aggregator"]
    before = await _trades(client, aggregator)
    cpu_before_s = _cpu_s(socket), _cpu_s(aggregator)
    began_s = time.perf_counter()
    await _burst(client, simulated, CHAIN_SYMBOL)
    seen = await _settled(client, aggregator, before)
    wall_s = time.perf_counter() - began_s
    cpu_after_s = _cpu_s(socket), _cpu_s(aggregator)
    floor_before_s = _pid_cpu_s(floor_pid)
    await _burst(client, simulated, FLOOR_SYMBOL)
    while floor.recv() != FRAMES:
        pass
    return Round(
        wall_s,
        cpu_after_s[0] - cpu_before_s[0],
        cpu_after_s[1] - cpu_before_s[1],
        _pid_cpu_s(floor_pid) - floor_before_s,
        FRAMES - seen,
    )


async def _settled(client: httpx.AsyncClient, aggregator: Running, before: int) -> int:
    """Trades counted since `before`: all of the burst, or what has come when nothing has for two seconds."""
    seen, quiet_since_s = 0, time.perf_counter()
    while seen < FRAMES and time.perf_counter() - quiet_since_s < 2:
        await asyncio.sleep(0.02)
        now = await _trades(client, aggregator) - before
        if now != seen:
            seen, quiet_since_s = now, time.perf_counter()
    return seen


async def _burst(client: httpx.AsyncClient, simulated: str, symbol: str) -> None:
    answer = await client.post(f"{simulated}/burst", json={"symbol": symbol.upper(), "count": FRAMES})
    answer.raise_for_status()


async def _trades(client: httpx.AsyncClient, aggregator: Running) -> int:
    text = (await client.get(f"http://127.0.0.1:{aggregator.ops_port}/metrics")).text
    line = next(line for line in text.splitlines() if line.startswith("aggregator_trades_total"))
    return int(float(line.split()[-1]))


def _cpu_s(running: Running) -> float:
    return _pid_cpu_s(running.process.pid)


def _pid_cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _read_and_forget(port: int, pipe: Connection) -> None:
    async def read() -> None:
        url = f"ws://127.0.0.1:{port}/ws/{FLOOR_SYMBOL}@aggTrade"
        async with connect(url, compression=None, proxy=None) as websocket:
            pipe.send("reading")
            count = 0
            async for _ in websocket:
                count += 1
                if count % FRAMES == 0:
                    pipe.send(FRAMES)

    asyncio.run(read())


def _report(rounds: list[Round]) -> None:
    def per_frame_us(values: list[float]) -> float:
        return statistics.median(values) / FRAMES * 1e6

    floor_us = per_frame_us([r.floor_cpu_s for r in rounds])
    frames_per_s = FRAMES / statistics.median(r.wall_s for r in rounds)
    rows: dict[str, Any] = {
        "frames a second, simulator and chain on the same cores": f"{frames_per_s:,.0f}",
        "frames lost": sum(r.lost for r in rounds),
        "bare read, CPU per frame": f"{floor_us:.1f} us",
    }
    for name, values in (
        ("socket", [r.socket_cpu_s for r in rounds]),
        ("aggregator", [r.aggregator_cpu_s for r in rounds]),
    ):
        cost_us = per_frame_us(values)
        ratios = [value / r.floor_cpu_s for value, r in zip(values, rounds, strict=True)]
        rows[f"{name}, CPU per frame"] = (
            f"{cost_us:.1f} us = {statistics.median(ratios):.2f} x bare read (one core: {1e6 / cost_us:,.0f} frames/s)"
        )
    for label, value in rows.items():
        print(f"{label:58} {value}")
