"""What waits for Kafka: in order, exact, and within its bound."""

from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import backlog
from services.aggregator.backlog import Backlog, Chunk
from services.aggregator.events import MESSAGE_BYTES, TICKER_BYTES, TICKER_EVENTS, TRADE_EVENTS, Message
from services.market.events import MiniTicker
from tests.aggregator.socket_peer import START_MS

AMPLE = 10**9


def tickers(first: int, number: int) -> list[MiniTicker]:
    return [
        MiniTicker(START_MS + each, f"SYM{each % 700}É", f"{each}.50000000", "1.5", "2", "1", "10.1", "15.15")
        for each in range(first, first + number)
    ]


def contents(chunks: list[Chunk[MiniTicker]]) -> list[MiniTicker]:
    return [ticker for chunk in chunks for ticker in chunk.events]


def take_all(waiting: Backlog[MiniTicker]) -> list[MiniTicker]:
    taken: list[MiniTicker] = []
    while waiting.count:
        taken += contents(waiting.take(2_000))
    return taken


def test_everything_comes_out_as_it_went_in_packed_or_not() -> None:
    waiting = Backlog(TICKER_EVENTS, AMPLE)
    went_in = tickers(0, 30_000)
    for first in range(0, len(went_in), 3_000):
        assert waiting.add(went_in[first : first + 3_000], "binance", START_MS + first) == 0
    assert (waiting.count, waiting.oldest_ms) == (30_000, START_MS)
    assert take_all(waiting) == went_in
    assert (waiting.count, waiting.size_bytes, waiting.oldest_ms) == (0, 0, None)


def test_what_waits_long_is_small() -> None:
    """Ten minutes at 3,000 a second must fit into the default bound: at most 90 bytes each."""
    waiting = Backlog(TICKER_EVENTS, AMPLE)
    waiting.add(tickers(0, backlog.UNPACKED_EVENTS), "binance", START_MS)
    before = waiting.size_bytes
    waiting.add(tickers(0, 30_000), "binance", START_MS)
    assert (waiting.size_bytes - before) / 30_000 < 90
    assert before <= backlog.UNPACKED_EVENTS * (TICKER_BYTES + backlog.CHUNK_BYTES)


def test_at_the_bound_the_oldest_go_and_are_counted() -> None:
    waiting = Backlog(TICKER_EVENTS, 1_000_000)
    went_in = tickers(0, 40_000)
    lost = sum(waiting.add(went_in[first : first + 500], "binance", first) for first in range(0, len(went_in), 500))
    assert waiting.size_bytes <= 1_000_000
    assert lost == 40_000 - waiting.count > 0
    assert waiting.oldest_ms == lost
    assert take_all(waiting) == went_in[lost:]


def test_what_is_larger_than_the_bound_goes_at_once() -> None:
    waiting = Backlog(TICKER_EVENTS, 0)
    assert waiting.add(tickers(0, 5_000), "binance", START_MS) == 5_000
    assert (waiting.count, waiting.size_bytes) == (0, 0)
    assert waiting.take(1) == []


def test_source_and_arrival_stay_with_their_tickers() -> None:
    waiting = Backlog(TICKER_EVENTS, AMPLE)
    waiting.add(tickers(0, 2), "binance", 1)
    waiting.add(tickers(2, 1), "simulator", 2)
    assert [(c.source, c.receive_ms, c.count) for c in waiting.take(3)] == [("binance", 1, 2), ("simulator", 2, 1)]


@given(st.lists(st.integers(0, 5_000), max_size=12), st.integers(1, 4_000))
def test_takes_are_bounded_and_complete(numbers: list[int], limit: int) -> None:
    waiting = Backlog(TICKER_EVENTS, AMPLE)
    came = 0
    for number in numbers:
        waiting.add(tickers(came, number), "binance", came)
        came += number
    assert waiting.count == came
    events: list[int] = []
    while waiting.count:
        taken = waiting.take(limit)
        assert sum(chunk.count for chunk in taken) <= limit or len(taken) == 1
        events += [ticker.event_ms - START_MS for ticker in contents(taken)]
    assert events == list(range(came))


def messages(first: int, number: int) -> list[Message]:
    return [
        Message(b"BTCUSDT", b'{"e":"aggTrade","s":"BTCUSDT","a":%d,"p":"68123.45"}' % each, START_MS + each)
        for each in range(first, first + number)
    ]


def test_trades_that_came_one_by_one_wait_together() -> None:
    waiting = Backlog(TRADE_EVENTS, AMPLE)
    for each in range(30_000):
        assert waiting.add(messages(each, 1), "binance", START_MS + each) == 0
    assert (waiting.count, waiting.oldest_ms) == (30_000, START_MS)
    assert waiting.size_bytes < 10_000 * (MESSAGE_BYTES + 100) + 20_000 * 30, "what is beyond the first is packed"
    taken: list[Message] = []
    while waiting.count:
        chunks = waiting.take(2_000)
        assert sum(chunk.count for chunk in chunks) <= backlog.CHUNK_EVENTS
        taken += [message for chunk in chunks for message in chunk.events]
    assert taken == messages(0, 30_000)
    assert waiting.size_bytes == 0


def test_what_is_in_flight_does_not_grow() -> None:
    waiting = Backlog(TRADE_EVENTS, AMPLE)
    waiting.add(messages(0, 3), "binance", START_MS)
    (in_flight,) = waiting.take(2_000)
    waiting.add(messages(3, 4), "binance", START_MS)
    assert (in_flight.count, list(in_flight.events)) == (3, messages(0, 3))
    assert waiting.count == 4
