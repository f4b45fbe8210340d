"""Klines, ticks and the cascade of candles together: in any order and any number, an exact candle stays exact."""

import random
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from itertools import count

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.backfill.plan import INTERVALS
from services.backfill.store import CandleStore
from services.market.events import Kline
from tests.backfill.running import Candle, candles, connected, insert_ticks, own_database
from tests.clickhouse_server import RunningClickHouse

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000
"""2026-01-01."""
LEVELS = ("1d", "1h", "1m")
symbols = (f"T{number}USDT" for number in count())

prices = st.decimals("0.00000001", "99999999999.99999999", places=8)
volumes = st.decimals(0, "99999999999999999999.999999999999999999", places=18)
counts = st.one_of(st.integers(0, 2**63 - 1), st.none())
minutes = st.one_of(st.integers(0, 3), st.integers(57, 62), st.integers(1_437, 1_442))
"""Around the bounds of hours and days."""
instants_ms = st.tuples(minutes, st.one_of(st.integers(0, 59_999), st.sampled_from([0, 59_999]))).map(
    lambda at: START_MS + at[0] * 60_000 + at[1]
)


@pytest.fixture
async def database(clickhouse_server: RunningClickHouse) -> AsyncIterator[str]:
    async with own_database(clickhouse_server) as url:
        yield url


@st.composite
def minute_klines(draw: st.DrawFn) -> list[Kline]:
    found = []
    for minute in sorted(draw(st.sets(minutes, min_size=1))):
        low, middle, other, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
        opened, close = draw(st.permutations([middle, other]))
        prices_of = (opened, high, low, close)
        found.append(kline("1m", START_MS + minute * 60_000, prices_of, draw(volumes), draw(volumes), draw(counts)))
    return found


def kline(
    interval: str, start_ms: int, ohlc: tuple[Decimal, ...], volume: Decimal, quote: Decimal, trades: int | None = 7
) -> Kline:
    end_ms = start_ms + INTERVALS[interval].length_ms - 1
    opened, high, low, close = (f"{price:f}" for price in ohlc)
    return Kline(start_ms, opened, high, low, close, f"{volume:f}", end_ms, f"{quote:f}", trades)


def merged(interval: str, parts: Iterable[Kline]) -> list[Kline]:
    """The klines of a longer interval. Their volumes need not be sums here: they are written, never computed."""
    length_ms = INTERVALS[interval].length_ms
    groups: dict[int, list[Kline]] = {}
    for part in parts:
        groups.setdefault(part.open_ms // length_ms * length_ms, []).append(part)
    return [
        Kline(
            start_ms,
            group[0].open,
            max((part.high for part in group), key=Decimal),
            min((part.low for part in group), key=Decimal),
            group[-1].close,
            group[0].volume,
            start_ms + length_ms - 1,
            group[-1].quote_volume,
            group[-1].trades,
        )
        for start_ms, group in groups.items()
    ]


def candle(of: Kline) -> Candle:
    opened, high, low, close = (Decimal(price) for price in (of.open, of.high, of.low, of.close))
    return of.open_ms, opened, high, low, close, Decimal(of.volume), Decimal(of.quote_volume), of.trades


@given(minute_klines(), st.lists(st.tuples(instants_ms, prices), max_size=20), st.randoms(use_true_random=False))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_of_klines_and_ticks_any_repetition_and_every_level_is_the_exchanges(
    database: str, made: list[Kline], ticks: list[tuple[int, Decimal]], chance: random.Random
) -> None:
    symbol = next(symbols)
    levels = {interval: merged(interval, made) for interval in LEVELS}
    async with connected(database) as client:
        store = CandleStore(database, "simulator", 10.0, print)
        steps: list[tuple[str, list[Kline]]] = [
            (interval, [each]) for interval, klines in levels.items() for each in klines
        ]
        steps += chance.sample(steps, len(steps) // 2)
        steps += [("ticks", [])] * 3
        chance.shuffle(steps)
        for interval, klines in steps:
            if interval == "ticks":
                await insert_ticks(client, symbol, chance.sample(ticks, len(ticks)))
            else:
                await store.write(symbol, INTERVALS[interval], klines)
        await store.close()
        for interval, klines in levels.items():
            exact = await candles(client, interval, symbol, "volume IS NOT NULL")
            assert exact == [candle(each) for each in klines]


@given(minute_klines(), st.randoms(use_true_random=False))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_longer_candles_of_minutes_alone_are_theirs_in_any_order(
    database: str, made: list[Kline], chance: random.Random
) -> None:
    symbol = next(symbols)
    written = chance.sample(made, len(made)) + made[:2]
    async with connected(database) as client:
        store = CandleStore(database, "simulator", 10.0, print)
        for each in written:
            await store.write(symbol, INTERVALS["1m"], [each])
        await store.close()
        for interval in ("1h", "1d"):
            whole = [(*candle(each)[:5], None, None, None) for each in merged(interval, made)]
            assert await candles(client, interval, symbol) == whole


async def test_without_the_klines_a_stale_tick_would_widen_a_candle(database: str) -> None:
    """The reason for `exact`: the least and the greatest of what was seen hold the price of the minute before."""
    symbol = next(symbols)
    three, five = Decimal(3), Decimal(5)
    async with connected(database) as client:
        store = CandleStore(database, "simulator", 10.0, print)
        await insert_ticks(client, symbol, [(START_MS + 200, three), (START_MS + 900, five)])
        await store.write(symbol, INTERVALS["1m"], [kline("1m", START_MS, (five,) * 4, five, five)])
        await store.close()
        assert await candles(client, "1m", symbol) == [(START_MS, *(five,) * 6, 7)]
        seen = "SELECT min(low), max(high) FROM candles_1m_states WHERE symbol = {symbol:String}"
        assert await rows(client, seen, symbol) == [(three, five)]


async def test_merged_parts_keep_the_values_of_the_klines(database: str) -> None:
    symbol = next(symbols)
    async with connected(database) as client:
        store = CandleStore(database, "simulator", 10.0, print)
        exact = kline("1m", START_MS, (Decimal(3), Decimal(5), Decimal(2), Decimal(4)), Decimal(6), Decimal(7))
        await store.write(symbol, INTERVALS["1m"], [exact])
        await insert_ticks(client, symbol, [(START_MS + 900, Decimal(99))])
        await store.close()
        await client.command("OPTIMIZE TABLE candles_1m_states FINAL")
        assert await candles(client, "1m", symbol) == [candle(exact)]


async def rows(client: AsyncClient, sql: str, symbol: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in (await client.query(sql, {"symbol": symbol})).result_rows]
