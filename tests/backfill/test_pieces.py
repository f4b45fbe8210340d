"""A span that is looked up in several pieces, and an exchange with holes wherever they may lie."""

from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.backfill import filling as backfill
from services.backfill import plan as backfill_plan
from services.backfill.filling import Backfill
from services.backfill.klines import KlineSource, open_http_client
from services.backfill.plan import INTERVALS, Span
from services.backfill.report import Progress, Task
from services.exchanges.binance.exchange import Binance
from services.exchanges.weight import WeightLimit
from services.market.events import Kline
from tests.backfill.exchange import MINUTE_MS, Answer, row, scripted_exchange
from tests.backfill.test_report import Terminal

FIRST = 29_454_480
COUNT = 60
numbers = st.sets(st.integers(FIRST - 5, FIRST + COUNT + 5))


class MemoryStore:
    """What is exact, and how often it was written."""

    def __init__(self, exact: set[int]) -> None:
        self.times = dict.fromkeys(exact, 0)

    async def missing(self, symbol: str, span: Span) -> list[int]:
        return [number for number in range(span.first, span.end) if number not in self.times]

    def encode(self, symbol: str, interval: object, klines: list[Kline]) -> list[Kline]:
        return klines

    async def insert(self, interval: object, rows: list[list[Kline]]) -> None:
        for kline in chain.from_iterable(rows):
            number = kline.open_ms // MINUTE_MS
            self.times[number] = self.times.get(number, 0) + 1


sizes = st.integers(1, COUNT + 10)


@given(there=numbers, existing=numbers, piece_size=sizes, page_size=sizes, batch_rows=sizes)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_each_missing_candle_that_exists_is_written_once(
    monkeypatch: pytest.MonkeyPatch,
    there: set[int],
    existing: set[int],
    piece_size: int,
    page_size: int,
    batch_rows: int,
) -> None:
    monkeypatch.setattr(backfill, "PIECE_SIZE", piece_size)
    monkeypatch.setattr(backfill_plan, "PAGE_SIZE", page_size)

    def script(path: str, query: dict[str, str]) -> Answer:
        start = int(query["startTime"]) // MINUTE_MS
        return Answer([row(number) for number in sorted(existing) if number >= start][: int(query["limit"])])

    wanted = set(range(FIRST, FIRST + COUNT))
    store, task = MemoryStore(there), Task("BTCUSDT", Span(INTERVALS["1m"], FIRST, FIRST + COUNT))
    with scripted_exchange(script) as exchange:
        async with open_http_client(exchange.url) as client:
            klines = KlineSource(Binance(), client, WeightLimit(print, 3_000), 5.0, print)
            await Backfill(klines, store, Progress([task], Terminal()), batch_rows).fill(task)  # type: ignore[arg-type]
    assert store.times == dict.fromkeys(there, 0) | dict.fromkeys(wanted & existing - there, 1)
    assert (task.present, task.written) == (len(wanted & there), len(wanted & existing - there))
    assert {n for first, end in task.holes for n in range(first, end)} == wanted - existing - there
    assert task.done == len(task.span)
    if existing.isdisjoint(range(FIRST, FIRST + COUNT + 6)):
        assert len(exchange.requests) <= 1
