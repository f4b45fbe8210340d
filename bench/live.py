"""What a live document costs, from the Redis message to the websocket frame, against a bare loop that only sends.

Engine and floor run side by side and take turns, once a second each, over as many loopback connections: their CPU
times are compared round by round, so that anything else the machine does meanwhile affects both. The clients are
processes of their own. Everything ends by itself.
"""

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path

from redis import Redis

from bench._live_processes import SYMBOLS, portfolio_of, read_all, serve_engine, serve_floor
from bench._live_rounds import now_ms, price_text, process, publish, running_redis, state, until_served
from services.market.valuation import Graph
from services.profile.live.document import document_of
from services.profile.live.prices import price_of
from services.profile.live.push import text_frame
from services.profile.live.viewers import Detail

ROUNDS = {2_000: 20, 10_000: 15}
WARM_UP_ROUNDS = 3
ROUND_S = 1.0


@dataclass(frozen=True, slots=True)
class Round:
    """One tick on both sides. CPU in seconds."""

    engine_cpu_s: float
    floor_cpu_s: float
    documents: int
    last_client_s: float


def main() -> None:
    with running_redis() as url:
        for clients, rounds in ROUNDS.items():
            _report(clients, *_measure(url, clients, rounds))


def _measure(redis_url: str, clients: int, rounds: int) -> tuple[list[Round], float]:
    """The rounds, and the engine's memory for each client in bytes."""
    with ExitStack() as stack:
        publisher = stack.enter_context(Redis.from_url(redis_url))
        publish(publisher, now_ms())
        engine, engine_pipe = stack.enter_context(process(serve_engine, redis_url, "USDT", Detail.PLAIN))
        _, floor_pipe = stack.enter_context(process(serve_floor, _frame_bytes()))
        engine_port, floor_port = engine_pipe.recv(), floor_pipe.recv()
        empty_bytes = _resident_bytes(engine)
        floor_pipe.send(clients)
        _, engine_clients = stack.enter_context(process(read_all, engine_port, clients))
        _, floor_clients = stack.enter_context(process(read_all, floor_port, clients))
        assert engine_clients.recv() == floor_clients.recv() == "connected"
        publish(publisher, tick_ms := now_ms())
        until_served(engine_clients, tick_ms, clients)
        results = []
        for _ in range(WARM_UP_ROUNDS + rounds):
            started_s = time.time()
            floor_pipe.send(now_ms())
            floor_cpu_s = floor_pipe.recv()
            time.sleep(ROUND_S / 2)
            before, tick_ms = state(engine_pipe), now_ms()
            publish(publisher, tick_ms)
            last_s = until_served(engine_clients, tick_ms, clients)
            time.sleep(max(0.0, started_s + ROUND_S - time.time()))
            after = state(engine_pipe)
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


def _frame_bytes() -> int:
    """The size of a typical frame."""
    at_ms = now_ms()
    prices = {
        symbol: price_of(Decimal(price_text(number, at_ms)), at_ms, "simulator")
        for number, symbol in enumerate(SYMBOLS)
    }
    return round(
        statistics.mean(
            len(text_frame(document_of(portfolio_of(user), prices, Graph()).render(prices))) for user in range(1, 200)
        )
    )


def _resident_bytes(process: BaseProcess) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
