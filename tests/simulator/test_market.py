"""The rules of a market: what holds for every trade and ticker with any seed."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.bars import PAST_MINUTES, RETENTION_MINUTES
from simulator.decimals import product
from simulator.history import Bar, History
from simulator.market import Market, Trade
from simulator.symbols import Symbol, catalogue
from tests.simulator.running import START_MS

SYMBOLS = catalogue(479)
BTCUSDT = SYMBOLS[0]
MINUTE_MS = 60_000

symbols = st.sampled_from(SYMBOLS)
seeds = st.integers(0, 2**64)
steps_ms = st.lists(st.integers(0, 3 * MINUTE_MS), min_size=1, max_size=60)


def trade_along(market: Market, steps: list[int]) -> list[Trade]:
    time_ms, trades = START_MS, []
    for step in steps:
        time_ms += step
        trades.append(market.next_trade(time_ms))
    return trades


@given(symbols, seeds, steps_ms)
@settings(max_examples=60)
def test_trades_are_positive_aligned_and_numbered_without_gaps(symbol: Symbol, seed: int, steps: list[int]) -> None:
    market = Market(symbol, seed, START_MS)
    first_id = market.next_id
    trades = trade_along(market, steps)
    assert [trade.id for trade in trades] == list(range(first_id, first_id + len(trades)))
    for before, after in pairwise(trades):
        assert after.first_fill_id == before.last_fill_id + 1
        assert after.time_ms >= before.time_ms
    for trade in trades:
        assert trade.price > 0
        assert trade.price % symbol.tick == 0
        assert trade.quantity > 0
        assert trade.quantity % symbol.step == 0
        assert trade.last_fill_id >= trade.first_fill_id


@given(symbols, seeds)
@settings(max_examples=20)
def test_the_same_seed_gives_the_same_trades_at_any_times(symbol: Symbol, seed: int) -> None:
    slow = trade_along(Market(symbol, seed, START_MS), [1_000] * 50)
    quick = trade_along(Market(symbol, seed, START_MS), [0] * 50)
    assert [t._replace(time_ms=0, event_ms=0) for t in slow] == [t._replace(time_ms=0, event_ms=0) for t in quick]


def test_another_seed_gives_other_trades() -> None:
    one, other = (trade_along(Market(BTCUSDT, seed, START_MS), [0] * 20) for seed in (1, 2))
    assert [t.price for t in one] != [t.price for t in other]


def test_a_later_start_never_hands_out_an_id_again() -> None:
    earlier = Market(BTCUSDT, 1, START_MS)
    trade_along(earlier, [0] * 500)
    later = Market(BTCUSDT, 1, START_MS + 1_000)
    assert later.next_id > earlier.next_id


def test_prices_stay_near_where_the_market_started() -> None:
    market = Market(BTCUSDT, 3, START_MS)
    start = market.price
    assert all(start * 0.9 < trade.price < start * 1.1 for trade in trade_along(market, [0] * 20_000))


def test_an_exact_trade_happens_exactly_and_moves_the_last_price() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    trade = market.trade_at(6_812_345_678_901, 3, START_MS + 5)
    assert (trade.price, trade.quantity, trade.time_ms) == (6_812_345_678_901, 3, START_MS + 5)
    assert market.ticker().close == 6_812_345_678_901


@given(seeds, st.lists(st.integers(0, 400 * MINUTE_MS), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None)
def test_a_ticker_sums_the_minutes_of_its_day_exactly(seed: int, steps: list[int]) -> None:
    """The oracle: every trade and every past minute that lies in the window, added up anew."""
    symbol = replace(BTCUSDT, trades_per_s=0.2)
    market = Market(symbol, seed, START_MS)
    market.day()  # from here on the day is kept up to date by differences
    trades = trade_along(market, steps)
    ticker = market.ticker()
    last_minute = trades[-1].time_ms // MINUTE_MS
    first_minute = last_minute - RETENTION_MINUTES + 1
    within = [t for t in trades if t.time_ms // MINUTE_MS >= first_minute]
    past = [bar for bar in History(symbol, seed).bars(first_minute, START_MS // MINUTE_MS) if bar.trades]
    assert ticker.volume == sum(t.quantity for t in within) + sum(bar.volume for bar in past)
    quote = sum(product(t.price, t.quantity) for t in within) + sum(bar.quote_volume for bar in past)
    assert ticker.quote_volume == quote
    assert ticker.high == max([t.price for t in within] + [bar.high for bar in past])
    assert ticker.low == min([t.price for t in within] + [bar.low for bar in past])
    assert ticker.low <= ticker.close <= ticker.high
    assert ticker.close == trades[-1].price


def test_no_two_tickers_share_an_event_time() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    trade_along(market, [7])
    times = [market.ticker().event_ms for _ in range(3)]
    assert times == [START_MS + 7, START_MS + 8, START_MS + 9]


def test_a_halted_symbol_still_has_a_ticker() -> None:
    halted = next(symbol for symbol in SYMBOLS if symbol.status == "BREAK")
    ticker = Market(halted, 1, START_MS).ticker()
    assert ticker.volume == 0
    assert ticker.high == ticker.low == ticker.close > 0


def test_a_market_survives_days_of_silence() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    market.day()
    price = market.next_trade(START_MS).price
    trade = market.next_trade(START_MS + 30 * RETENTION_MINUTES * MINUTE_MS)
    ticker = market.ticker()
    assert (ticker.volume, ticker.high) == (trade.quantity, trade.price)
    assert ticker.open == price


@given(symbols, seeds, st.integers(29_000_000, 30_000_000))
@settings(max_examples=50)
def test_the_past_is_one_unbroken_plausible_series(symbol: Symbol, seed: int, minute: int) -> None:
    history = History(symbol, seed)
    bars = list(history.bars(minute, minute + 90))
    assert len(bars) == 90
    assert [bar.close for bar in bars[:-1]] == [bar.open for bar in bars[1:]]
    assert bars[0].open == history.price(minute)
    assert list(history.bars(minute + 30, minute + 60)) == bars[30:60]
    for bar in bars:
        assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert all(price % symbol.tick == 0 for price in bar[:4])
        assert 0 <= bar.taker_volume <= bar.volume
        assert 0 <= bar.taker_quote_volume <= bar.quote_volume


def test_the_live_market_continues_the_past() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    minute = START_MS // MINUTE_MS
    trade_along(market, [0, MINUTE_MS, 0])
    series = list(market.bars.between(minute - 2, minute + 2))
    assert len(series) == 4
    assert series[1].close == History(BTCUSDT, 1).price(minute)
    assert [bar.trades for bar in series[2:]] == [1, 2]


def test_live_minutes_older_than_the_retention_fall_back_on_the_past() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    minute = START_MS // MINUTE_MS
    trade_along(market, [0] + [MINUTE_MS] * (RETENTION_MINUTES + 5))
    assert list(market.bars.between(minute, minute + 1)) == list(History(BTCUSDT, 1).bars(minute, minute + 1))
    assert list(market.bars.between(0, minute - PAST_MINUTES)) == []


def test_a_busy_minute_is_kept_within_its_packed_row() -> None:
    market = Market(BTCUSDT, 1, START_MS)
    for _ in range(200):
        market.trade_at(10**17, 10**8, START_MS)
    market.next_trade(START_MS + MINUTE_MS)
    packed: Bar = next(market.bars.between(START_MS // MINUTE_MS, START_MS // MINUTE_MS + 1))
    assert packed.quote_volume == 2**63 - 1


def test_the_past_of_a_seed_is_the_same_in_every_version() -> None:
    bar, _ = History(BTCUSDT, 1).bars(29_399_998, 29_400_000)
    assert bar[:4] == (6_026_602_000_000, 6_033_216_000_000, 6_024_679_000_000, 6_030_491_000_000)
    assert bar[4:] == (318_696_000, 19_214_014_524_600, 542, 159_970_000, 9_644_507_315_750)
