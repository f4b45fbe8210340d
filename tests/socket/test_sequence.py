"""Trades of one symbol in order, each once, whatever two connections and a back-fill make of their arrival."""

from hypothesis import given
from hypothesis import strategies as st

from services.exchanges.exchange import TradeFrame
from services.socket.sequence import Gap, TickerWatermarks, TradeSequence
from tests.socket.harness import metric


def trade(trade_id: int, time_ms: int | None = None) -> TradeFrame:
    return TradeFrame("btcusdt", trade_id, trade_id if time_ms is None else time_ms, b"%d" % trade_id)


def ids(frames: object) -> list[int]:
    return [frame.trade_id for frame in frames]  # type: ignore[attr-defined]


@given(st.integers(1, 10**13), st.integers(1, 60), st.data())
def test_any_order_with_repetitions_comes_out_once_and_sorted(first: int, count: int, data: st.DataObject) -> None:
    wanted = list(range(first, first + count))
    arriving = data.draw(st.permutations([*wanted, *data.draw(st.lists(st.sampled_from(wanted), max_size=30))]))
    sequence = TradeSequence(max_held=1_000)
    out = ids(sequence.accept(trade(first)))
    for trade_id in arriving:
        out += ids(sequence.accept(trade(trade_id)))
    assert out == wanted
    assert sequence.gap is None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=80), st.integers(1, 8))
def test_never_twice_never_backwards_and_never_more_held_than_allowed(arriving: list[int], max_held: int) -> None:
    sequence, out = TradeSequence(max_held), []
    for trade_id in arriving:
        out += ids(sequence.accept(trade(trade_id)))
        assert len(sequence._held) <= max_held
    out += ids(sequence.release())
    assert out == sorted(set(out))
    assert set(out) == {trade_id for trade_id in arriving if trade_id >= arriving[0]} - _too_late(arriving, out)


def _too_late(arriving: list[int], out: list[int]) -> set[int]:
    """Trades that came after a later one had been given out: they are dropped to keep the order."""
    return set(arriving) - set(out)


def test_a_gap_holds_what_follows_until_it_is_filled() -> None:
    sequence = TradeSequence(max_held=10)
    assert ids(sequence.accept(trade(7))) == [7]
    assert ids(sequence.accept(trade(10))) == []
    assert sequence.gap == Gap(8, 9)
    assert ids(sequence.accept(trade(8))) == [8]
    assert sequence.gap == Gap(9, 9)
    assert ids(sequence.accept(trade(9))) == [9, 10]
    assert sequence.gap is None


def test_releasing_counts_exactly_what_is_missing() -> None:
    lost, gaps = metric("socket_trades_lost_total"), metric("socket_gaps_total")
    sequence = TradeSequence(max_held=10)
    for trade_id in (1, 4, 5, 9):
        sequence.accept(trade(trade_id))
    assert ids(sequence.release()) == [4, 5, 9]
    assert metric("socket_trades_lost_total") == lost + len([2, 3, 6, 7, 8])
    assert metric("socket_gaps_total") == gaps + 2
    assert ids(sequence.accept(trade(10))) == [10]


def test_one_more_than_may_be_held_gives_the_gap_up() -> None:
    sequence = TradeSequence(max_held=2)
    assert [ids(sequence.accept(trade(trade_id))) for trade_id in (1, 3, 4, 5)] == [[1], [], [], [3, 4, 5]]


def test_an_exchange_that_counts_anew_is_followed_at_once() -> None:
    sequence = TradeSequence(max_held=10)
    sequence.accept(trade(1_000, time_ms=50))
    assert ids(sequence.accept(trade(5, time_ms=50))) == [], "no younger than the newest: a repetition"
    assert ids(sequence.accept(trade(6, time_ms=51))) == [6]
    assert ids(sequence.accept(trade(7, time_ms=52))) == [7]


def test_ticker_frames_are_news_if_one_of_their_tickers_is() -> None:
    watermarks = TickerWatermarks()
    assert watermarks.advance({"BTCUSDT": 1, "ETHUSDT": 1})
    assert not watermarks.advance({"BTCUSDT": 1, "ETHUSDT": 1})
    assert watermarks.advance({"BTCUSDT": 1, "ETHUSDT": 2})
    assert not watermarks.advance({"BTCUSDT": 1})
    assert not watermarks.advance({})
