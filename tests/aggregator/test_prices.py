"""The newest price, and when it is published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import prices
from services.aggregator.prices import LatestPrices, Quote, Tick
from services.market.events import AggTrade, MiniTicker
from tests.aggregator.socket_peer import START_MS

Event = tuple[int, int]
"""(event time after START_MS, trade id); id −1 is a mini-ticker. The price follows from both, as on an exchange."""

events = st.tuples(st.integers(0, 4_000), st.integers(-1, 9))
event_lists = st.lists(events, min_size=1, max_size=30)


def price_of(event: Event) -> str:
    return f"1.{event[0]:05}{event[1] + 1}"


def tick_of(event: Event) -> Tick:
    return Tick(START_MS + event[0], event[1], price_of(event))


def apply(latest: LatestPrices, event: Event, symbol: str = "BTCUSDT") -> None:
    at_ms, number, price = tick_of(event)
    if number < 0:
        latest.apply_mini_tickers([MiniTicker(at_ms, symbol, price, "1", "2", "0.5", "3", "4")])
    else:
        latest.apply_trades([AggTrade(at_ms, symbol, number, price)])


def prices_of(*in_order: Event) -> LatestPrices:
    latest = LatestPrices("binance")
    for event in in_order:
        apply(latest, event)
    return latest


def published_at_tick(latest: LatestPrices) -> list[tuple[str, int, str]]:
    quotes = latest.due()
    latest.confirm("binance", quotes)
    return [(quote.symbol, quote.tick.event_ms - START_MS, quote.tick.price) for quote in quotes]


@given(event_lists, st.data())
def test_reordering_and_duplicates_change_nothing(happened: list[Event], data: st.DataObject) -> None:
    arrived = data.draw(st.permutations(happened + data.draw(st.lists(st.sampled_from(happened), max_size=10))))
    (newest,) = prices_of(*arrived).newest()
    assert newest.tick == max(map(tick_of, happened))


@given(st.lists(st.tuples(st.lists(events, max_size=5), st.booleans()), min_size=1, max_size=15))
def test_time_never_goes_back_and_the_newest_price_is_published_in_the_end(
    ticks: list[tuple[list[Event], bool]],
) -> None:
    latest, published = prices_of((0, 0)), list[Tick]()
    for arrived, redis_answers in [*ticks, ([], True)]:
        for event in arrived:
            apply(latest, event)
        due = latest.due()
        assert len(due) <= 1, "one symbol, one message a tick"
        if redis_answers:
            latest.confirm("binance", due)
            published += [quote.tick for quote in due]
    assert published == sorted(set(published)), "newer each time"
    assert published[-1] == latest.newest()[0].tick


def test_the_newest_price_of_a_symbol_is_published_once_and_again_when_it_changes() -> None:
    latest = prices_of((100, 1), (900, 2))
    assert published_at_tick(latest) == [("btcusdt", 900, price_of((900, 2)))]
    assert published_at_tick(latest) == []
    apply(latest, (950, 3))
    apply(latest, (960, 1), "ETHUSDT")
    assert published_at_tick(latest) == [
        ("btcusdt", 950, price_of((950, 3))),
        ("ethusdt", 960, price_of((960, 1))),
    ]


def test_what_comes_while_a_tick_is_published_is_due_at_the_next() -> None:
    latest = prices_of((100, 1))
    due = latest.due()
    apply(latest, (200, 2))
    latest.confirm("binance", due)
    assert [quote.tick for quote in latest.due()] == [tick_of((200, 2))]


def test_an_event_at_the_bound_can_be_true_and_one_later_is_replaced() -> None:
    latest = prices_of((5, 1))
    older = AggTrade(START_MS + 4, "BTCUSDT", 1, "2")
    latest.apply_trades([older], latest_ms=START_MS + 5)
    assert latest.newest()[0].tick == tick_of((5, 1))
    latest.apply_trades([older], latest_ms=START_MS + 4)
    assert latest.newest()[0].tick.price == "2"


def test_a_time_that_was_wrong_and_is_confirmed_after_it_was_replaced_holds_nothing_back() -> None:
    latest = prices_of((3_000, 1))
    due = latest.due()
    latest.apply_trades([AggTrade(START_MS + 50, "BTCUSDT", 2, "2")], latest_ms=START_MS + 100)
    latest.confirm("binance", due)
    assert [at_ms for _, at_ms, _ in published_at_tick(latest)] == [50]
    apply(latest, (60, 3))
    assert [at_ms for _, at_ms, _ in published_at_tick(latest)] == [60]


def test_a_late_event_is_not_published() -> None:
    latest = prices_of((900, 2))
    published_at_tick(latest)
    apply(latest, (800, 1))
    assert published_at_tick(latest) == []


def test_a_trade_goes_before_a_mini_ticker_of_the_same_millisecond() -> None:
    for order in ([(5, -1), (5, 0)], [(5, 0), (5, -1)]):
        assert prices_of(*order).newest()[0].tick.price == price_of((5, 0))


def test_the_newest_day_figures_are_kept() -> None:
    latest = LatestPrices("binance")
    for at_ms, high in ((2, "20"), (1, "10")):
        latest.apply_mini_tickers([MiniTicker(START_MS + at_ms, "BTCUSDT", "1", "1", high, "1", "1", "1")])
    day = latest.newest()[0].day
    assert day is not None
    assert day.high == "20"


def test_prices_of_two_sources_never_mix() -> None:
    latest = prices_of((3_900, 1))
    due = latest.due()
    latest.switch_source("simulator")
    assert (latest.newest(), len(latest.symbols), latest.newest_event_ms) == ([], 0, 0)
    apply(latest, (100, 1))
    latest.confirm("binance", due)
    assert [quote.tick for quote in latest.due()] == [tick_of((100, 1))], "the old source's news hold nothing back"


def test_a_restored_price_is_not_published_again_and_holds_back_older_ones() -> None:
    latest = LatestPrices("binance")
    latest.restore("binance", [Quote("btcusdt", tick_of((900, -1)), None)])
    apply(latest, (800, 5))
    assert latest.due() == []
    apply(latest, (901, 6))
    assert [quote.tick for quote in latest.due()] == [tick_of((901, 6))]


def test_restored_figures_of_a_day_give_way_to_those_that_have_come() -> None:
    came, kept = (MiniTicker(START_MS, "BTCUSDT", "1", "1", high, "1", "1", "1") for high in ("20", "10"))
    latest = LatestPrices("binance")
    latest.apply_mini_tickers([came])
    latest.restore("binance", [Quote(symbol, tick_of((0, -1)), kept) for symbol in ("btcusdt", "ethusdt")])
    assert [quote.day for quote in latest.newest()] == [came, kept]


def test_restoring_does_not_take_back_what_has_been_published() -> None:
    latest = prices_of((900, 2))
    published_at_tick(latest)
    latest.restore("binance", [Quote("btcusdt", tick_of((800, -1)), None)])
    assert latest.due() == []


def test_restoring_under_a_newer_price_changes_only_what_counts_as_published() -> None:
    latest = prices_of((950, 3))
    latest.restore("binance", [Quote("btcusdt", tick_of((900, -1)), None)])
    assert [quote.tick for quote in latest.due()] == [tick_of((950, 3))]


def test_symbols_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "MAX_SYMBOLS", 2)
    latest = LatestPrices("binance")
    trades = [AggTrade(START_MS, symbol, 1, "1") for symbol in ("A", "B", "C", "A")]
    assert latest.apply_trades(trades) == 1
    assert list(latest.symbols) == ["a", "b"]
