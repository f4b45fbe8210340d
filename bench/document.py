"""What a live document costs in a foreign currency, and in full, against a plain one in its pairs' own quote.

One live engine for each, side by side over one Redis, as many clients and the same ticks: their CPU times for a
document are compared round by round, so that anything else the machine does meanwhile affects all of them. Then the
document alone, rendered up to its frame: a part of that cost.
"""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

from redis import Redis

from bench._live_processes import LEG, SYMBOLS, portfolio_of, read_all, serve_engine
from bench._live_rounds import list_symbols, now_ms, price_text, process, publish, running_redis, state, until_served
from services.market.symbols import TRADING, Listing
from services.market.valuation import Graph, Pair
from services.profile.live.document import PortfolioDocument
from services.profile.live.prices import Price, price_of
from services.profile.live.push import text_frame
from services.profile.live.rates import Valuations
from services.profile.live.viewers import Detail, Screen

KINDS = {
    "plain, own quote": ("USDT", Detail.PLAIN, None),
    "plain, foreign currency": ("EUR", Detail.PLAIN, 1.15),
    "full, own quote": ("USDT", Detail.FULL, 1.6),
    "full, foreign currency": ("EUR", Detail.FULL, 1.6),
}
"""Currency, detail and budget: the greatest ratio to the first."""
CLIENTS = 1_000
ROUNDS = 30
WARM_UP_ROUNDS = 3
ROUND_S = 1.0
USERS = 500
"""Whose documents are rendered alone."""

Costs = dict[str, list[float]]
"""CPU in µs for a document, of each kind, a value a round."""


def main() -> None:
    with running_redis() as url:
        _report("a document, from Redis to the socket", _engines(url))
    _report("of that, rendering it", _rendering())


def _engines(redis_url: str) -> Costs:
    costs: Costs = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        publisher = stack.enter_context(Redis.from_url(redis_url))
        publish(publisher, now_ms())
        list_symbols(publisher)
        engines, clients = {}, {}
        for kind, (currency, detail, _) in KINDS.items():
            _, engines[kind] = stack.enter_context(process(serve_engine, redis_url, currency, detail))
            _, clients[kind] = stack.enter_context(process(read_all, engines[kind].recv(), CLIENTS))
            assert clients[kind].recv() == "connected"
        for _ in range(WARM_UP_ROUNDS + ROUNDS):
            started_s = time.time()
            before = {kind: state(pipe) for kind, pipe in engines.items()}
            publish(publisher, tick_ms := now_ms())
            for pipe in clients.values():
                until_served(pipe, tick_ms, CLIENTS)
            for kind, pipe in engines.items():
                cpu_s, documents = (after - earlier for after, earlier in zip(state(pipe), before[kind], strict=True))
                costs[kind].append(1e6 * cpu_s / documents)
            time.sleep(max(0.0, started_s + ROUND_S - time.time()))
    return {kind: values[WARM_UP_ROUNDS:] for kind, values in costs.items()}


def _rendering() -> Costs:
    prices: dict[str, Price] = {}
    valuations = Valuations(prices, _graph())
    documents = {kind: _documents(currency, valuations) for kind, (currency, _, _) in KINDS.items()}
    costs: Costs = {kind: [] for kind in KINDS}
    for _ in range(WARM_UP_ROUNDS + ROUNDS):
        for kind, (_, detail, _) in KINDS.items():
            _tick(prices, valuations)
            costs[kind].append(_cost_us(documents[kind], prices, Screen(detail).render))
    return {kind: values[WARM_UP_ROUNDS:] for kind, values in costs.items()}


def _graph() -> Graph:
    listed = [Listing(symbol, symbol.removesuffix("usdt").upper(), "USDT", TRADING) for symbol in (*SYMBOLS, LEG)]
    return Graph(listed, [Pair(each.symbol, each.base, each.quote, Decimal(1), None) for each in listed])


def _documents(currency: str, valuations: Valuations) -> list[PortfolioDocument]:
    rates = valuations.rates(currency)
    return [PortfolioDocument(replace(portfolio_of(user), currency=currency), rates) for user in range(1, USERS + 1)]


def _tick(prices: dict[str, Price], valuations: Valuations) -> None:
    tick_ms = now_ms()
    for number, symbol in enumerate((*SYMBOLS, LEG)):
        prices[symbol] = price_of(Decimal(price_text(number, tick_ms)), tick_ms, "simulator")
        valuations.price_changed(symbol)


def _cost_us(
    documents: list[PortfolioDocument],
    prices: dict[str, Price],
    render: Callable[[PortfolioDocument, dict[str, Price]], bytes],
) -> float:
    started_s = time.process_time()
    for document in documents:
        text_frame(render(document, prices))
    return 1e6 * (time.process_time() - started_s) / len(documents)


def _report(what: str, costs: Costs) -> None:
    (first, base), *_ = costs.items()
    print(f"  {what}: {first} {statistics.median(base):.1f} µs")
    for kind, values in costs.items():
        if kind != first:
            ratio = statistics.median(value / today for value, today in zip(values, base, strict=True))
            budget = KINDS[kind][2]
            print(f"    {kind:<24} {statistics.median(values):5.1f} µs, {ratio:.2f} × (budget {budget})", flush=True)
