"""The pace of the market: which symbol trades when (Poisson processes, deterministic by seed), and the loops for it."""

import asyncio
import heapq
import random
from collections.abc import Iterable, Iterator
from itertools import islice

from simulator import metrics
from simulator.exchange import Exchange
from simulator.market import Market
from simulator.symbols import Symbol

TURN_S = 0.025
MAX_TRADES_A_TURN = 2_000
MAX_TURN_S = 1.0
TICKER_INTERVAL_S = 1.0
BURST_CHUNK = 256
DAY_PAUSE_S = 0.02


class Arrivals:
    """The order and the times, in seconds of market time, in which symbols trade."""

    def __init__(self, symbols: Iterable[Symbol], rate: float, seed: int) -> None:
        self._random = random.Random(f"{seed}:arrivals")
        self._rates = {s.name: s.trades_per_s * rate for s in symbols if s.trades_per_s * rate > 0}
        self._next = [(self._random.expovariate(rate), name) for name, rate in self._rates.items()]
        heapq.heapify(self._next)

    def until(self, time_s: float) -> Iterator[str]:
        """The symbols that trade up to `time_s`, in order. What is not consumed comes with the next call."""
        while self._next and self._next[0][0] <= time_s:
            at_s, name = self._next[0]
            heapq.heapreplace(self._next, (at_s + self._random.expovariate(self._rates[name]), name))
            yield name


async def generate(exchange: Exchange, arrivals: Arrivals) -> None:
    """Let trades happen for ever. Market time stands still while generation is paused or the process is starved."""
    loop = asyncio.get_running_loop()
    market_time_s, turn_started_s = 0.0, loop.time()
    while True:
        await asyncio.sleep(TURN_S)
        now_s = loop.time()
        passed_s, turn_started_s = now_s - turn_started_s, now_s
        if not exchange.generating:
            continue
        if passed_s > MAX_TURN_S:
            metrics.MARKET_SECONDS_SKIPPED.inc(passed_s - MAX_TURN_S)
        market_time_s += min(passed_s, MAX_TURN_S)
        for name in islice(arrivals.until(market_time_s), MAX_TRADES_A_TURN):
            exchange.invent_trade(exchange.markets[name])


async def sum_up_days(exchange: Exchange) -> None:
    """Prepare every symbol's rolling day, one at a time, so that no start stalls the streams."""
    for market in exchange.markets.values():
        market.day()
        await asyncio.sleep(DAY_PAUSE_S)


async def publish_tickers(exchange: Exchange) -> None:
    """Send the changed mini-tickers every second, and put the journal on disk as often."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        due_s = max(due_s + TICKER_INTERVAL_S, loop.time())
        await asyncio.sleep(due_s - loop.time())
        exchange.publish_tickers()
        exchange.journal.flush()


async def burst(exchange: Exchange, market: Market, count: int) -> tuple[int, int]:
    """Exactly `count` trades with nothing in between, as fast as subscribers take them; returns the first and last id.

    Cancelling it leaves the burst at the trades published so far.
    """
    first_id, resume = market.next_id, exchange.generating
    exchange.generating = False
    try:
        for number in range(1, count + 1):
            exchange.invent_trade(market)
            if number % BURST_CHUNK == 0:
                await asyncio.sleep(0)
                await exchange.hub.drained()
    finally:
        exchange.generating = resume
    return first_id, first_id + count - 1
