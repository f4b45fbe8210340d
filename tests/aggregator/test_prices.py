"""The newest price, and when it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import prices
from services.aggregator.prices import PriceBook, Quote, Tick
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


@given(st.lists(st.tuples(st.lists(events, max_size=5), st.booleans()), min_size=1, max_size=15))
def test_time_never_goes_back_and_the_newest_price_is_told_in_the_end(
    ticks: list[tuple[list[Event], bool]],
) -> None:
    book, told = book_of((0, 0)), list[Tick]()
    for arrived, redis_answers in [*ticks, ([], True)]:
        for event in arrived:
            apply(book, event)
        due = book.due()
        assert len(due) <= 1, "one symbol, one message a tick"
        if redis_answers:
            book.confirm("binance", due)
            told += [quote.tick for quote in due]
    assert told == sorted(set(told)), "newer each time"
    assert told[-1] == book.newest()[0].tick


def test_a_symbol_is_told_its_newest_price_once_and_again_when_it_changes() -> None:
    book = book_of((100, 1), (900, 2))
    assert told_at_tick(book) == [("btcusdt", 900, price_of((900, 2)))]
    assert told_at_tick(book) == []
    apply(book, (950, 3))
    apply(book, (960, 1), "ETHUSDT")
    assert told_at_tick(book) == [
        ("btcusdt", 950, price_of((950, 3))),
        ("ethusdt", 960, price_of((960, 1))),
    ]


def test_a_late_event_is_not_told() -> None:
    book = book_of((900, 2))
    told_at_tick(book)
    apply(book, (800, 1))
    assert told_at_tick(book) == []


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
    due = book.due()
    book.switch_source("simulator")
    assert (book.newest(), len(book.symbols)) == ([], 0)
    apply(book, (100, 1))
    book.confirm("binance", due)
    assert [quote.tick for quote in book.due()] == [tick_of((100, 1))], "the old source's news hold nothing back"


def test_a_restored_price_is_not_told_again_and_holds_back_older_ones() -> None:
    book = PriceBook("binance")
    book.restore("binance", [Quote("btcusdt", tick_of((900, -1)), None)])
    apply(book, (800, 5))
    assert book.due() == []
    apply(book, (901, 6))
    assert [quote.tick for quote in book.due()] == [tick_of((901, 6))]


def test_restoring_under_a_newer_price_changes_only_what_counts_as_told() -> None:
    book = book_of((950, 3))
    book.restore("binance", [Quote("btcusdt", tick_of((900, -1)), None)])
    assert [quote.tick for quote in book.due()] == [tick_of((950, 3))]


def test_symbols_beyond_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "MAX_SYMBOLS", 2)
    book = PriceBook("binance")
    trades = [AggTrade(START_MS, symbol, 1, "1") for symbol in ("A", "B", "C", "A")]
    assert book.apply_trades(trades) == 1
    assert list(book.symbols) == ["a", "b"]
