"""Trades of one symbol in order, each once, in any order of arrival over two connections and a back-fill."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchanges.exchange import TradeFrame
from services.socket.sequence import MAX_JUMP, MAX_STEP, Gap, TickerWatermarks, TradeSequence
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
def test_what_goes_out_is_decided_by_a_simple_model(arriving: list[int], max_held: int) -> None:
    """Once and ascending; dropped only if it, or a later one, is out already; the rest comes with a release."""
    sequence, out, waiting = TradeSequence(max_held), list[int](), set[int]()
    for trade_id in arriving:
        came = ids(sequence.accept(trade(trade_id)))
        if not out or trade_id > out[-1]:
            waiting.add(trade_id)
        out += came
        waiting -= set(came)
        assert len(waiting) <= max_held, "more is held than allowed"
        assert out[-1] + 1 not in waiting, "what follows directly is never held"
    out += ids(sequence.release())
    assert out == sorted(set(out))
    assert waiting <= set(out), "what was held comes out in the end"
    assert sequence.gap is None


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


def test_a_trade_behind_long_after_the_newest_is_no_repetition() -> None:
    """Ids that begin again, or a newest trade whose time was wrong, silence a symbol for seconds at most."""
    sequence = TradeSequence(max_held=10)
    sequence.accept(trade(1_000, time_ms=50_000), now_s=100.0)
    assert ids(sequence.accept(trade(1, time_ms=50), now_s=104.0)) == []
    assert ids(sequence.accept(trade(2, time_ms=51), now_s=105.5)) == [2]
    assert ids(sequence.accept(trade(3, time_ms=52), now_s=105.6)) == [3]


def test_trades_that_were_given_out_are_repetitions_however_late() -> None:
    sequence = TradeSequence(max_held=10)
    for trade_id in range(1, 51):
        sequence.accept(trade(trade_id, time_ms=7), now_s=0.0)
    assert [ids(sequence.accept(trade(trade_id, time_ms=7), now_s=60.0)) for trade_id in (10, 49, 50)] == [[], [], []]


@given(st.integers(MAX_JUMP + 1, 2**62), st.integers(0, 3))
def test_a_lone_id_far_ahead_costs_only_itself(jump: int, at: int) -> None:
    lost = metric("socket_trades_lost_total")
    sequence, out = TradeSequence(max_held=1_000), []
    arriving = [1, 2, 3, 4, 5]
    arriving.insert(at + 1, 1 + jump + at)
    for trade_id in arriving:
        out += ids(sequence.accept(trade(trade_id)))
    assert out == [1, 2, 3, 4, 5]
    assert sequence.gap is None
    assert metric("socket_trades_lost_total") == lost


def test_two_ids_far_ahead_are_a_new_count() -> None:
    sequence = TradeSequence(max_held=10)
    sequence.accept(trade(1))
    first = 2 + MAX_JUMP
    assert ids(sequence.accept(trade(first))) == []
    assert ids(sequence.accept(trade(first + 1))) == [first, first + 1]
    assert ids(sequence.accept(trade(first + 2))) == [first + 2]


def test_two_ids_far_ahead_that_are_far_apart_are_two_errors() -> None:
    sequence = TradeSequence(max_held=10)
    sequence.accept(trade(1))
    first = 2 + MAX_JUMP
    second = first + MAX_STEP + 1
    assert [ids(sequence.accept(trade(trade_id))) for trade_id in (first, second)] == [[], []]
    assert ids(sequence.accept(trade(second + 1))) == [second, second + 1]


def test_a_true_trade_between_two_ids_far_ahead_makes_both_errors() -> None:
    sequence = TradeSequence(max_held=10)
    far = 2 + MAX_JUMP
    assert [ids(sequence.accept(trade(trade_id))) for trade_id in (1, far, 2, far + 1, 3)] == [[1], [], [2], [], [3]]


def test_what_is_held_goes_out_before_a_new_count() -> None:
    sequence = TradeSequence(max_held=10)
    sequence.accept(trade(1_000, time_ms=50))
    assert ids(sequence.accept(trade(1_002, time_ms=51))) == []
    assert ids(sequence.accept(trade(5, time_ms=60))) == [1_002, 5]
    assert sequence.gap is None


def test_what_is_missing_is_what_has_neither_gone_out_nor_is_held() -> None:
    sequence = TradeSequence(max_held=10)
    assert sequence.lacks(7)
    for trade_id in (7, 9):
        sequence.accept(trade(trade_id))
    assert [sequence.lacks(trade_id) for trade_id in (6, 7, 8, 9, 10)] == [False, False, True, False, True]


def test_ticker_frames_are_news_if_one_of_their_tickers_is() -> None:
    watermarks = TickerWatermarks()
    assert watermarks.advance({"BTCUSDT": 1, "ETHUSDT": 1})
    assert not watermarks.advance({"BTCUSDT": 1, "ETHUSDT": 1})
    assert watermarks.advance({"BTCUSDT": 1, "ETHUSDT": 2})
    assert not watermarks.advance({"BTCUSDT": 1})
    assert not watermarks.advance({})


def test_no_event_time_outlives_the_time_in_which_a_repetition_can_come() -> None:
    watermarks = TickerWatermarks()
    hour_ms = 3_600_000
    assert watermarks.advance({"BTCUSDT": hour_ms + 1_000}, now_s=0.0)
    assert not watermarks.advance({"BTCUSDT": 2_000}, now_s=1.0)
    assert watermarks.advance({"BTCUSDT": 5_000}, now_s=3.5)
    assert not watermarks.advance({"BTCUSDT": 5_000}, now_s=60.0), "the same event, however late, is no news"


def test_more_symbols_than_any_exchange_has_start_the_watermarks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.socket.sequence.MAX_SYMBOLS", 3)
    watermarks = TickerWatermarks()
    for number in range(100):
        watermarks.advance({f"COIN{number}": 1})
    assert len(watermarks._newest) <= 4


def test_event_times_that_cannot_be_ms_move_nothing() -> None:
    watermarks = TickerWatermarks()
    now_ms = 1_796_005_700_000
    assert watermarks.advance({"BTCUSDT": now_ms}, now_s=0.0)
    assert not watermarks.advance({"BTCUSDT": now_ms * 1_000}, now_s=0.1)
    assert watermarks.advance({"BTCUSDT": now_ms + 1}, now_s=0.2)
