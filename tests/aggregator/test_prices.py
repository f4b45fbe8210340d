"""The newest price, and when it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import prices
from services.aggregator.frames import AggTrade, MiniTicker
from services.aggregator.prices import PriceBook, Quote, Tick
from tests.aggregator.socket_peer import START_MS

Event = tuple[int, int]
"""(event time after START_MS, trade id); id −1 is a mini-ticker. The price follows from both, as on an exchange."""

events = st.tuples(st.integers(0, 4_000), st.integers(-1, 9))
event_lists = st.lists(events, min_size=1, max_size=30)


def price_of(event: Event) -> str:
    return f"1.{event[0]:05}{event[1] + 1}"


def tick_of(event: Event) -> Tick:
    return Tick(START_MS + event[0], event[1], price_of(event))


def apply(book: PriceBook, event: Event, symbol: str = "BTCUSDT") -> None:
    at_ms, number, price = tick_of(event)
    if number < 0:
        book.apply_mini_tickers([MiniTicker(at_ms, symbol, price, "1", "2", "0.5", "3", "4")])
    else:
        book.apply_trades([AggTrade(at_ms, symbol, number, price)])


def book_of(*in_order: Event) -> PriceBook:
    book = PriceBook("binance")
    for event in in_order:
        apply(book, event)
    return book


def told_at_tick(book: PriceBook) -> list[tuple[str, int, str]]:
    quotes = book.due()
    book.confirm("binance", quotes)
    return [(quote.symbol, quote.tick.event_ms - START_MS, quote.tick.price) for quote in quotes]


@given(event_lists, st.data())
def test_reordering_and_duplicates_change_nothing(happened: list[Event], data: st.DataObject) -> None:
    arrived = data.draw(st.permutations(happened + data.draw(st.lists(st.sampled_from(happened), max_size=10))))
    (newest,) = book_of(*arrived).newest()
    assert newest.tick == max(map(tick_of, happened))


@given(event_lists, st.integers(0, 5))
def test_what_is_due_is_the_newest_event_of_the_closed_seconds(happened: list[Event], later_s: int) -> None:
    book = book_of(*happened)
    apply(book, (later_s * 1_000, 0), "ETHUSDT")
    open_ms = max(later_s * 1_000, *(at for at, _ in happened)) // 1_000 * 1_000
    closed = [tick_of(event) for event in happened if event[0] < open_ms]
    due = {quote.symbol: quote.tick for quote in book.due()}
    assert due.get("btcusdt") == max(closed, default=None)


@given(st.lists(st.tuples(st.lists(events, max_size=5), st.booleans()), min_size=1, max_size=15))
def test_time_never_goes_back_and_the_newest_price_is_told_in_the_end(
    ticks: list[tuple[list[Event], bool]],
) -> None:
    book, told = book_of((0, 0)), list[Tick]()
    for arrived, redis_answers in [*ticks, ([], True), ([], True)]:
        for event in arrived:
            apply(book, event)
        due = book.due()
        assert len(due) <= 1, "one symbol, one message a tick"
        if redis_answers:
            book.confirm("binance", due)
            told += [quote.tick for quote in due]
    assert told == sorted(set(told)), "newer each time"
    assert told[-1] == book.newest()[0].tick


@given(st.lists(st.tuples(events, st.booleans()), max_size=30))
def test_no_second_is_told_twice_while_events_arrive_in_order(arrived: list[tuple[Event, bool]]) -> None:
    book, seconds = book_of((0, 0)), list[int]()
    for event, then_tick in sorted(arrived):
        stands_still = event[0] == book.newest_event_ms - START_MS
        apply(book, event)
        if then_tick and not stands_still:
            seconds += [at_ms // 1_000 for _, at_ms, _ in told_at_tick(book)]
    assert len(seconds) == len(set(seconds))


def test_a_second_is_told_once_it_is_over_with_its_last_price() -> None:
    book = book_of((100, 1), (900, 2))
    assert told_at_tick(book) == [], "the second may not be over"
    apply(book, (1_050, 3))
    assert told_at_tick(book) == [("btcusdt", 900, price_of((900, 2)))]


def test_another_symbols_event_closes_the_second() -> None:
    book = book_of((900, 1))
    apply(book, (1_000, 1), "ETHUSDT")
    assert told_at_tick(book) == [("btcusdt", 900, price_of((900, 1)))]


def test_a_standstill_of_one_tick_closes_every_second() -> None:
    book = book_of((900, 1))
    assert told_at_tick(book) == []
    assert told_at_tick(book) == [("btcusdt", 900, price_of((900, 1)))]
    assert told_at_tick(book) == [], "told once"


def test_a_late_event_tells_no_older_price() -> None:
    book = book_of((900, 2), (1_100, 3))
    told_at_tick(book)
    apply(book, (800, 1))
    apply(book, (2_000, 9), "ETHUSDT")
    assert told_at_tick(book) == [("btcusdt", 1_100, price_of((1_100, 3)))]
    apply(book, (950, 2))
    assert told_at_tick(book) == [("ethusdt", 2_000, price_of((2_000, 9)))]


def test_a_late_event_that_is_newer_than_what_was_told_is_told() -> None:
    book = book_of((1_100, 1))
    apply(book, (2_000, 1), "ETHUSDT")
    assert told_at_tick(book) == [("btcusdt", 1_100, price_of((1_100, 1)))]
    apply(book, (1_900, 2))
    apply(book, (2_001, 2), "ETHUSDT")
    assert told_at_tick(book) == [("btcusdt", 1_900, price_of((1_900, 2)))]


def test_a_trade_goes_before_a_mini_ticker_of_the_same_millisecond() -> None:
    for order in ([(5, -1), (5, 0)], [(5, 0), (5, -1)]):
        assert book_of(*order).newest()[0].tick.price == price_of((5, 0))


def test_the_newest_day_figures_are_kept() -> None:
    book = PriceBook("binance")
    for at_ms, high in ((2, "20"), (1, "10")):
        book.apply_mini_tickers([MiniTicker(START_MS + at_ms, "BTCUSDT", "1", "1", high, "1", "1", "1")])
    day = book.newest()[0].day
    assert day is not None
    assert day.high == "20"


def test_prices_of_two_sources_never_mix() -> None:
    book = book_of((3_900, 1))
    due = book.due_at_end()
    book.switch_source("simulator")
    assert (book.newest(), len(book.symbols)) == ([], 0)
    apply(book, (100, 1))
    book.confirm("binance", due)
    assert [quote.tick for quote in book.due_at_end()] == [tick_of((100, 1))], "the old source's news hold nothing back"


def test_a_restored_price_is_not_told_again_and_holds_back_older_ones() -> None:
    book = PriceBook("binance")
    book.restore([Quote("btcusdt", tick_of((900, -1)), None)])
    apply(book, (800, 5))
    assert book.due_at_end() == []
    apply(book, (901, 6))
    assert [quote.tick for quote in book.due_at_end()] == [tick_of((901, 6))]


def test_restoring_under_a_newer_price_changes_only_what_counts_as_told() -> None:
    book = book_of((950, 3))
    book.restore([Quote("btcusdt", tick_of((900, -1)), None)])
    assert [quote.tick for quote in book.due_at_end()] == [tick_of((950, 3))]


def test_symbols_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "MAX_SYMBOLS", 2)
    book = PriceBook("binance")
    trades = [AggTrade(START_MS, symbol, 1, "1") for symbol in ("A", "B", "C", "A")]
    assert book.apply_trades(trades) == 1
    assert list(book.symbols) == ["a", "b"]
