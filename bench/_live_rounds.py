"""What the benchmarks of live documents share: a Redis, processes of their own, ticks, and rounds of them."""

import asyncio
import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench._live_processes import LEG, SYMBOLS
from deploy.local import redis as local_redis
from services.market.symbols import TRADING, Listing, encode_listings
from tests.processes import free_port

_spawn = multiprocessing.get_context("spawn")


@contextmanager
def process(target: Any, *args: Any) -> Iterator[tuple[BaseProcess, Connection]]:
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
def running_redis() -> Iterator[str]:
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


def publish(redis: Any, tick_ms: int) -> None:
    """A tick: a new price of every symbol, in one pipelined batch, as the aggregator sends them."""
    pipeline = redis.pipeline(transaction=False)
    for number, symbol in enumerate((*SYMBOLS, LEG)):
        payload = f'{{"s":"{symbol}","p":{price_text(number, tick_ms)},"t":{tick_ms},"src":"simulator"}}'
        pipeline.hset("market:last", symbol, payload)
        pipeline.publish(symbol, payload)
    pipeline.execute()


def list_symbols(redis: Any) -> None:
    """The listing of all of them."""
    listed = [Listing(symbol, symbol.removesuffix("usdt").upper(), "USDT", TRADING) for symbol in (*SYMBOLS, LEG)]
    redis.set("market:symbols", encode_listings(listed))


def price_text(number: int, tick_ms: int) -> str:
    """From 0.00001234 to 68123.45, as on an exchange: the more a coin is worth, the fewer places its price has."""
    places = 2 + number % 7
    units = 10**6 + (tick_ms * (number + 7)) % 10**6
    return f"{units // 10**places}.{units % 10**places:0{places}d}"


def until_served(clients_pipe: Connection, tick_ms: int, clients: int) -> float:
    """Wait until every client has the tick; returns when the last of them got it."""
    deadline_s = time.time() + 60
    while time.time() < deadline_s:
        clients_pipe.send(tick_ms)
        served, last_s = clients_pipe.recv()
        if served >= clients:
            return float(last_s)
        time.sleep(0.05)
    raise SystemExit(f"not all of {clients} clients got a document within a minute")


def state(pipe: Connection) -> tuple[float, int]:
    """The engine's CPU seconds and documents so far."""
    pipe.send("state")
    cpu_s, documents = pipe.recv()
    return cpu_s, documents


def now_ms() -> int:
    return time.time_ns() // 1_000_000
