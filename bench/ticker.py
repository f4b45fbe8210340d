"""What Kafka costs the aggregator for each mini-ticker: rounds with it and without, in turns, over a real broker.

A frame of 3,000 tickers goes through the intake as it does in the service; a round with Kafka is over when the broker
has confirmed all. CPU is this process's own, user and kernel; the broker's is its own affair. Then an outage: what
waiting costs in time and memory, and how long the loop is kept while it is made up for.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import msgspec
import uvloop

from services.aggregator.backlog import UNPACKED_EVENTS, Backlog
from services.aggregator.events import TICKER_BYTES, TICKER_EVENTS
from services.aggregator.intake import Intake, wall_clock_ms
from services.aggregator.kafka import open_producer
from services.aggregator.prices import LatestPrices
from services.aggregator.recorder import Recorder
from services.exchanges.registry import EXCHANGES
from services.market.events import MiniTicker
from services.market.names import MINI_TICKERS
from tests.kafka_broker import start_kafka, stop_kafka
from tests.processes import until

SYMBOLS = 3_000
FRAMES = 5
ROUNDS = 7
OUTAGE_FRAMES = 100
BOUND_BYTES = 160 * 1024 * 1024


@dataclass(slots=True)
class Figures:
    """CPU in µs a ticker, a value a round; and one outage of `OUTAGE_FRAMES` frames."""

    without_us: list[float] = field(default_factory=list)
    with_us: list[float] = field(default_factory=list)
    outage_us: float = 0.0
    waiting_bytes: float = 0.0
    drained_per_s: float = 0.0
    longest_turn_ms: float = 0.0


def main() -> None:
    kafka = start_kafka()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            _report(runner.run(_measure(kafka.bootstrap)))
    finally:
        stop_kafka(kafka)


async def _measure(bootstrap: str) -> Figures:
    figures, frames = Figures(), _frames()
    recorder = Recorder(Backlog(TICKER_EVENTS, BOUND_BYTES), partial(open_producer, bootstrap, MINI_TICKERS))
    plain, kept = (
        Intake(EXCHANGES["binance"], LatestPrices()),
        Intake(EXCHANGES["binance"], LatestPrices(), [recorder.take]),
    )
    running = asyncio.create_task(recorder.run())
    for number in range(ROUNDS + 1):
        without_us, with_us = await _round(plain, None, frames), await _round(kept, recorder, frames)
        if number:  # the first is for caches and connections
            figures.without_us.append(without_us)
            figures.with_us.append(with_us)
    running.cancel()
    await asyncio.wait([running])
    await _outage(figures, bootstrap, frames)
    return figures


async def _round(intake: Intake, recorder: Recorder[MiniTicker] | None, frames: Iterator[bytes]) -> float:
    source = intake.open_source("bench")
    batch = [next(frames) for _ in range(FRAMES)]
    began_s = time.process_time()
    for frame in batch:
        intake.mini_tickers(source, [frame])
        if recorder:
            await until(lambda: not recorder.waiting)
    return (time.process_time() - began_s) / (FRAMES * SYMBOLS) * 1e6


async def _outage(figures: Figures, bootstrap: str, frames: Iterator[bytes]) -> None:
    recorder = Recorder(Backlog(TICKER_EVENTS, BOUND_BYTES), partial(open_producer, bootstrap, MINI_TICKERS))
    plain, kept = (
        Intake(EXCHANGES["binance"], LatestPrices()),
        Intake(EXCHANGES["binance"], LatestPrices(), [recorder.take]),
    )
    source = kept.open_source(plain.open_source("bench"))
    while recorder.waiting < UNPACKED_EVENTS:
        kept.mini_tickers(source, [next(frames)])
    before, taken_s = recorder.state(), 0.0
    for frame in (next(frames) for _ in range(OUTAGE_FRAMES)):
        taken_s += _took_s(kept, source, frame) - _took_s(plain, source, frame)
    packed = recorder.waiting - before.waiting
    figures.outage_us = taken_s / packed * 1e6
    figures.waiting_bytes = (recorder.state().waiting_bytes - before.waiting_bytes) / packed
    waiting, began_s = recorder.waiting, time.perf_counter()
    running, watching = asyncio.create_task(recorder.run()), asyncio.create_task(_watch_turns(figures))
    await until(lambda: not recorder.waiting)
    figures.drained_per_s = waiting / (time.perf_counter() - began_s)
    for task in (running, watching):
        task.cancel()
    await asyncio.wait([running, watching])


def _took_s(intake: Intake, source: str, frame: bytes) -> float:
    began_s = time.process_time()
    intake.mini_tickers(source, [frame])
    return time.process_time() - began_s


async def _watch_turns(figures: Figures) -> None:
    """CPU, since the wall clock of a busy machine measures the other processes as well."""
    while True:
        began_s = time.process_time()
        await asyncio.sleep(0)
        figures.longest_turn_ms = max(figures.longest_turn_ms, (time.process_time() - began_s) * 1000)
        await asyncio.sleep(0.001)


def _frames() -> Iterator[bytes]:
    """A market that moves a little every second, written as the exchange writes it."""
    draw = random.Random(1)
    names = [f"{draw.randrange(26**5):05X}{draw.choice(('USDT', 'BTC', 'ETH', 'FDUSD'))}" for _ in range(SYMBOLS)]
    prices = [10 ** draw.uniform(-6, 4.8) for _ in names]
    opens, volumes = list(prices), [10 ** draw.uniform(2, 8) for _ in names]
    event_ms = wall_clock_ms() - 3_600_000
    while True:
        event_ms += 1_000
        entries = []
        for number, name in enumerate(names):
            prices[number] *= 1 + draw.gauss(0, 2e-4)
            volumes[number] *= 1 + draw.gauss(0, 1e-5)
            price, opened, volume = prices[number], opens[number], volumes[number]
            figures = {
                "c": price,
                "o": opened,
                "h": opened * 1.05,
                "l": opened * 0.95,
                "v": volume,
                "q": volume * price,
            }
            texts = {key: f"{value:.8f}" for key, value in figures.items()}
            entries.append({"e": "24hrMiniTicker", "E": event_ms + draw.randrange(900), "s": name} | texts)
        yield msgspec.json.encode(entries)


def _report(figures: Figures) -> None:
    without_us, with_us = statistics.median(figures.without_us), statistics.median(figures.with_us)
    ten_minutes_bytes = UNPACKED_EVENTS * TICKER_BYTES + (600 * SYMBOLS - UNPACKED_EVENTS) * figures.waiting_bytes
    pairs = list(zip(figures.without_us, figures.with_us, strict=True))
    rows = {
        "without Kafka, CPU per ticker": f"{without_us:.1f} us",
        "with Kafka, CPU per ticker": f"{with_us:.1f} us = {statistics.median(b / a for a, b in pairs):.2f} x without",
        "Kafka's part": f"{statistics.median(b - a for a, b in pairs):.1f} us (budget 10)",
        "during an outage, CPU per ticker that is kept": f"{figures.outage_us:.1f} us",
        "memory per ticker that waits": f"{figures.waiting_bytes:.0f} bytes",
        "ten minutes of 3,000 tickers a second": f"{ten_minutes_bytes / 1e6:.0f} MB",
        "made up for after an outage": f"{figures.drained_per_s:,.0f} tickers/s",
        "longest that the loop was kept meanwhile, CPU": f"{figures.longest_turn_ms:.1f} ms",
    }
    for label, value in rows.items():
        print(f"{label:58} {value}")
