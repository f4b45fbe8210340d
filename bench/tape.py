"""What a trade costs the aggregator from its frame to Kafka: rounds with the tape and without, over a real broker.

The frames come as socket sends them, some twenty to a message, and a round is over when the broker has confirmed all.
CPU is this process's own, user and kernel. The budget is of the whole way: decoded, into the price table, recorded.
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
from services.aggregator.events import TRADE_EVENTS, Message
from services.aggregator.intake import Intake, wall_clock_ms
from services.aggregator.kafka import open_producer
from services.aggregator.prices import LatestPrices
from services.aggregator.recorder import Recorder
from services.exchanges.registry import EXCHANGES
from services.market.names import AGG_TRADES
from tests.kafka_broker import start_kafka, stop_kafka

SYMBOLS = 100
FRAMES_A_MESSAGE = 20
TRADES_A_ROUND = 1_000
"""What the 100 busiest symbols trade in a second, about."""
ROUNDS = 15
OUTAGE_TRADES = 200_000
BUDGET_US = 8
POLL_S = 0.05
BOUND_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Figures:
    """CPU in µs a trade, a value a round; and one outage of `OUTAGE_TRADES`."""

    without_us: list[float] = field(default_factory=list)
    with_us: list[float] = field(default_factory=list)
    outage_us: float = 0.0
    waiting_bytes: float = 0.0


def main() -> None:
    kafka = start_kafka()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            _report(runner.run(_measure(kafka.bootstrap)))
    finally:
        stop_kafka(kafka)


async def _measure(bootstrap: str) -> Figures:
    figures, frames = Figures(), _frames()
    recorder = Recorder(Backlog(TRADE_EVENTS, BOUND_BYTES), partial(open_producer, bootstrap, AGG_TRADES))
    plain, kept = (
        Intake(EXCHANGES["binance"], LatestPrices()),
        Intake(EXCHANGES["binance"], LatestPrices(), tape=recorder.take),
    )
    running = asyncio.create_task(recorder.run())
    for number in range(ROUNDS + 1):
        without_us, with_us = await _round(plain, None, frames), await _round(kept, recorder, frames)
        if number:  # the first is for caches and connections
            figures.without_us.append(without_us)
            figures.with_us.append(with_us)
    running.cancel()
    await asyncio.wait([running])
    _outage(figures, frames)
    return figures


async def _round(intake: Intake, recorder: Recorder[Message] | None, frames: Iterator[bytes]) -> float:
    source = intake.open_source("bench")
    batches = [[next(frames) for _ in range(FRAMES_A_MESSAGE)] for _ in range(TRADES_A_ROUND // FRAMES_A_MESSAGE)]
    began_s = time.process_time()
    for batch in batches:
        intake.trades(source, batch)
    if recorder:
        while recorder.waiting:  # noqa: ASYNC110 - to ask more often would be measured too
            await asyncio.sleep(POLL_S)
    return (time.process_time() - began_s) / TRADES_A_ROUND * 1e6


def _outage(figures: Figures, frames: Iterator[bytes]) -> None:
    recorder = Recorder(Backlog(TRADE_EVENTS, BOUND_BYTES), partial(open_producer, "127.0.0.1:1", AGG_TRADES))
    kept = Intake(EXCHANGES["binance"], LatestPrices(), tape=recorder.take)
    source = kept.open_source("bench")
    while recorder.waiting < UNPACKED_EVENTS:
        kept.trades(source, [next(frames) for _ in range(FRAMES_A_MESSAGE)])
    before, taken_s = recorder.state(), 0.0
    for _ in range(OUTAGE_TRADES // FRAMES_A_MESSAGE):
        batch = [next(frames) for _ in range(FRAMES_A_MESSAGE)]
        began_s = time.process_time()
        kept.trades(source, batch)
        taken_s += time.process_time() - began_s
    packed = recorder.waiting - before.waiting
    figures.outage_us = taken_s / OUTAGE_TRADES * 1e6
    figures.waiting_bytes = (recorder.state().waiting_bytes - before.waiting_bytes) / packed


def _frames() -> Iterator[bytes]:
    """Trades of symbols of unlike liveliness, written as the exchange writes them."""
    draw = random.Random(1)
    names = [f"{draw.randrange(26**5):05X}{draw.choice(('USDT', 'BTC', 'ETH', 'FDUSD'))}" for _ in range(SYMBOLS)]
    weights = [1 / (rank + 1) for rank in range(SYMBOLS)]
    prices = {name: 10 ** draw.uniform(-6, 4.8) for name in names}
    ids = {name: draw.randrange(10**6, 10**9) for name in names}
    event_ms = wall_clock_ms() - 3_600_000
    while True:
        for name in draw.choices(names, weights, k=1_000):
            event_ms += 1
            ids[name] += 1
            prices[name] *= 1 + draw.gauss(0, 2e-5)
            trade = {"e": "aggTrade", "E": event_ms, "s": name, "a": ids[name], "p": f"{prices[name]:.8f}"}
            rest = {"q": f"{10 ** draw.uniform(-5, 1):.8f}", "f": 2 * ids[name], "l": 2 * ids[name] + 1}
            yield msgspec.json.encode(trade | rest | {"T": event_ms - 1, "m": draw.random() < 0.5, "M": True})


def _report(figures: Figures) -> None:
    without_us, with_us = statistics.median(figures.without_us), statistics.median(figures.with_us)
    pairs = list(zip(figures.without_us, figures.with_us, strict=True))
    ten_minutes_bytes = 600 * TRADES_A_ROUND * figures.waiting_bytes
    rows = {
        "without the tape, CPU per trade": f"{without_us:.1f} us",
        "with it, frame to Kafka, CPU per trade": f"{with_us:.1f} us (budget {BUDGET_US})",
        "with it, to without": f"{statistics.median(b / a for a, b in pairs):.2f} x",
        "during an outage, CPU per trade that is kept": f"{figures.outage_us:.1f} us",
        "memory per trade that waits": f"{figures.waiting_bytes:.0f} bytes",
        f"ten minutes of {TRADES_A_ROUND:,} trades a second": f"{ten_minutes_bytes / 1e6:.0f} MB",
    }
    for label, value in rows.items():
        print(f"{label:58} {value}")


if __name__ == "__main__":
    main()
