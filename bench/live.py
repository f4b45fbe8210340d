"""What a live document costs, from the Redis message to the websocket frame, against a bare loop that only sends.

Engine and floor run side by side and take turns, once a second each, over as many loopback connections: their CPU
times are compared round by round, so that anything else the machine does meanwhile affects both. The clients are
processes of their own. Everything ends by itself.
"""

import asyncio
import multiprocessing
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from redis import Redis

from bench._live_processes import SYMBOLS, portfolio_of, read_all, serve_engine, serve_floor
from deploy.local import redis as local_redis
from services.profile.live.document import render_document
from services.profile.live.prices import price_of
from services.profile.live.push import text_frame
from tests.processes import free_port

ROUNDS = {2_000: 20, 10_000: 15}
WARM_UP_ROUNDS = 3
ROUND_S = 1.0
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Round:
    """One tick on both sides. CPU in seconds."""

    engine_cpu_s: float
    floor_cpu_s: float
    documents: int
    last_client_s: float


def main() -> None:
    with _redis() as url:
        for clients, rounds in ROUNDS.items():
            _report(clients, *_measure(url, clients, rounds))


def _measure(redis_url: str, clients: int, rounds: int) -> tuple[list[Round], float]:
    """The rounds, and the engine's memory for each client in bytes."""
    with ExitStack() as stack:
        publisher = stack.enter_context(Redis.from_url(redis_url))
        _publish(publisher, _now_ms())
        engine, engine_pipe = stack.enter_context(_process(serve_engine, redis_url))
        _, floor_pipe = stack.enter_context(_process(serve_floor, _frame_bytes()))
        engine_port, floor_port = engine_pipe.recv(), floor_pipe.recv()
        empty_bytes = _resident_bytes(engine)
        floor_pipe.send(clients)
        _, engine_clients = stack.enter_context(_process(read_all, engine_port, clients))
        _, floor_clients = stack.enter_context(_process(read_all, floor_port, clients))
        assert engine_clients.recv() == floor_clients.recv() == "connected"
        _publish(publisher, tick_ms := _now_ms())
        _until_served(engine_clients, tick_ms, clients)
        results = []
        for _ in range(WARM_UP_ROUNDS + rounds):
            started_s = time.time()
            floor_pipe.send(_now_ms())
            floor_cpu_s = floor_pipe.recv()
            time.sleep(ROUND_S / 2)
            before, tick_ms = _state(engine_pipe), _now_ms()
            _publish(publisher, tick_ms)
            last_s = _until_served(engine_clients, tick_ms, clients)
            time.sleep(max(0.0, started_s + ROUND_S - time.time()))
            after = _state(engine_pipe)
            results.append(Round(after[0] - before[0], floor_cpu_s, after[1] - before[1], last_s - tick_ms / 1000))
        used_bytes = (_resident_bytes(engine) - empty_bytes) / clients
        return results[WARM_UP_ROUNDS:], used_bytes


def _report(clients: int, rounds: list[Round], client_bytes: float) -> None:
    engine_us = [1e6 * r.engine_cpu_s / r.documents for r in rounds]
    floor_us = [1e6 * r.floor_cpu_s / clients for r in rounds]
    ratios = [engine / floor for engine, floor in zip(engine_us, floor_us, strict=True)]
    last_s = sorted(r.last_client_s for r in rounds)
    documents = statistics.mean(r.documents for r in rounds)
    lines = {
        "CPU per document, engine / bare send": f"{statistics.median(ratios):.2f} (median of {len(rounds)} rounds)",
        "CPU per document": f"{statistics.median(engine_us):.1f} µs; bare send {statistics.median(floor_us):.1f} µs",
        "documents for each client and tick": f"{documents / clients:.2f}",
        "share of one core in use": f"{statistics.median(r.engine_cpu_s for r in rounds) / ROUND_S:.0%}",
        "tick to last client": f"median {statistics.median(last_s) * 1000:.0f} ms, slowest {last_s[-1] * 1000:.0f} ms",
        "memory per client": f"{client_bytes / 1024:.1f} KiB",
    }
    for name, value in lines.items():
        print(f"  {clients:>6,} clients  {name:<38} {value}", flush=True)


@contextmanager
def _process(target: Any, *args: Any) -> Iterator[tuple[BaseProcess, Connection]]:
    """`target(*args, pipe)` in a process of its own, which ends when the context does."""
    ours, theirs = _spawn.Pipe()
    process = _spawn.Process(target=target, args=(*args, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        ours.close()
        process.join(5)
        process.kill()
        process.join()


@contextmanager
def _redis() -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="crypto-bench-redis-"))
    server = local_redis.prepare(directory, free_port(), "bench")
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(local_redis.wait_until_ready(server))
        yield server.url
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)


def _publish(redis: Any, tick_ms: int) -> None:
    """A tick: a new price of every symbol, in one pipelined batch, as the aggregator sends them."""
    pipeline = redis.pipeline(transaction=False)
    for number, symbol in enumerate(SYMBOLS):
        payload = f'{{"s":"{symbol}","p":{_price_text(number, tick_ms)},"t":{tick_ms},"src":"simulator"}}'
        pipeline.hset("market:last", symbol, payload)
        pipeline.publish(symbol, payload)
    pipeline.execute()


def _price_text(number: int, tick_ms: int) -> str:
    """From 0.00001234 to 68123.45, as on an exchange: the more a coin is worth, the fewer places its price has."""
    places = 2 + number % 7
    units = 10**6 + (tick_ms * (number + 7)) % 10**6
    return f"{units // 10**places}.{units % 10**places:0{places}d}"


def _until_served(clients_pipe: Connection, tick_ms: int, clients: int) -> float:
    """Wait until every client has the tick; returns when the last of them got it."""
    deadline_s = time.time() + 60
    while time.time() < deadline_s:
        clients_pipe.send(tick_ms)
        served, last_s = clients_pipe.recv()
        if served >= clients:
            return float(last_s)
        time.sleep(0.05)
    raise SystemExit(f"not all of {clients} clients got a document within a minute")


def _frame_bytes() -> int:
    """The size of a typical frame."""
    now_ms = _now_ms()
    prices = {
        symbol: price_of(Decimal(_price_text(number, now_ms)), now_ms, "simulator")
        for number, symbol in enumerate(SYMBOLS)
    }
    return round(
        statistics.mean(len(text_frame(render_document(portfolio_of(user), prices))) for user in range(1, 200))
    )


def _state(pipe: Connection) -> tuple[float, int]:
    """The engine's CPU seconds and documents so far."""
    pipe.send("state")
    cpu_s, documents = pipe.recv()
    return cpu_s, documents


def _resident_bytes(process: BaseProcess) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
