from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.bars import PAST_MINUTES, Bars
from simulator.decimals import scaled
from simulator.frames import agg_trade
from simulator.history import Bar, History
from simulator.klines import MINUTES, Row, klines, merge, second_klines
from simulator.market import Market
from simulator.seconds import TradedSeconds, seconds_of, traded_seconds
from simulator.symbols import catalogue
from tests.simulator.running import START_MS

BTCUSDT = catalogue(1)[0]
MINUTE_MS = 60_000
amounts = st.integers(0, 10**15)
prices = st.integers(1, 10**13)


def series() -> Bars:
    return Bars(History(BTCUSDT, 1), START_MS // MINUTE_MS)


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    low, middle, other, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
    volume, quote = draw(amounts), draw(amounts)
    return Bar(middle, high, low, other, volume, quote, draw(st.integers(1, 10**6)), volume // 3, quote // 3)


@given(bars())
def test_the_seconds_of_a_minute_merge_into_it_again(bar: Bar) -> None:
    seconds = list(seconds_of(bar))
    assert len(seconds) == 60
    assert merge(seconds)[4:] == bar[4:]
    assert (seconds[0].open, seconds[-1].close) == (bar.open, bar.close)
    assert max(second.high for second in seconds) == bar.high
    assert min(second.low for second in seconds) == bar.low


@given(st.sampled_from(sorted(MINUTES)), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_a_longer_candle_is_the_sum_of_its_minutes(interval: str, count: int) -> None:
    span_ms = MINUTES[interval] * MINUTE_MS
    start_ms = (START_MS // span_ms - 12) * span_ms
    rows = klines(series(), interval, start_ms, START_MS, count)
    assert [row[0] for row in rows] == [start_ms + number * span_ms for number in range(count)]
    minutes = klines(series(), "1m", start_ms, START_MS, MINUTES[interval])
    assert rows[0][:6] == summed(minutes)[:6]


def summed(rows: list[Row]) -> Row:
    return [
        rows[0][0],
        rows[0][1],
        max((row[2] for row in rows), key=lambda text: scaled(str(text))),
        min((row[3] for row in rows), key=lambda text: scaled(str(text))),
        rows[-1][4],
        f"{sum(scaled(str(row[5])) for row in rows) / 10**8:.8f}",
    ]


def test_without_a_start_the_last_rows_are_given_up_to_the_current_minute() -> None:
    rows = klines(series(), "1m", None, START_MS + 10**9, 3)
    minute = START_MS // MINUTE_MS
    assert [row[0] for row in rows] == [(minute + shift) * MINUTE_MS for shift in (-2, -1, 0)]


def test_nothing_precedes_the_listing() -> None:
    [row] = klines(series(), "1d", 0, START_MS, 1)
    listed_ms = START_MS - PAST_MINUTES * MINUTE_MS
    assert listed_ms <= int(row[0]) < listed_ms + 1440 * MINUTE_MS
    assert klines(series(), "1m", 0, 60_000_000, 10) == []


def test_candles_of_live_minutes_show_what_was_traded() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    market.trade_at(scaled("68000.50"), scaled("0.5"), START_MS)
    market.trade_at(scaled("67000.00"), scaled("1"), START_MS)
    [row] = klines(market.bars, "1m", START_MS // MINUTE_MS * MINUTE_MS, START_MS, 10)
    assert row[1:6] == ["68000.50000000", "68000.50000000", "67000.00000000", "67000.00000000", "1.50000000"]
    assert row[7:9] == ["101000.25000000", 2]


def test_seconds_are_cut_to_the_span_asked_for() -> None:
    start_ms = START_MS // MINUTE_MS * MINUTE_MS - 30_000
    rows = second_klines(series(), TradedSeconds({}, START_MS), start_ms, START_MS, 40)
    assert [row[0] for row in rows] == [start_ms + 1_000 * number for number in range(40)]


def test_seconds_are_those_of_the_trades_while_they_are_kept() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    trades = [
        market.trade_at(scaled(price), scaled("1"), START_MS + at) for at, price in ((0, "7"), (10, "9"), (2_500, "8"))
    ]
    payloads = [agg_trade(trade) for trade in trades]
    kept = traded_seconds(payloads, market.first_id, market.start_ms)
    rows = second_klines(market.bars, kept, START_MS, START_MS + 2_999, 10)
    assert [row[1:6] for row in rows] == [
        ["7.00000000", "9.00000000", "7.00000000", "9.00000000", "2.00000000"],
        ["9.00000000", "9.00000000", "9.00000000", "9.00000000", "0.00000000"],
        ["8.00000000", "8.00000000", "8.00000000", "8.00000000", "1.00000000"],
    ]
    assert traded_seconds(payloads[1:], market.first_id, market.start_ms).complete_from_ms == START_MS + 1_000
