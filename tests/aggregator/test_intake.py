"""Between the streams and the price table: what is handed on, and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.aggregator import prices
from services.aggregator.events import Message
from services.aggregator.intake import Intake
from services.aggregator.prices import LatestPrices, Quote, Tick
from services.exchanges.clock import CONFIRM_S, MAX_OFFSET_MS, TOLERANCE_MS
from services.market.events import MiniTicker
from tests.aggregator.socket_peer import BINANCE, START_MS, ticker, ticker_frame, trade


def refused(stream: str, reason: str) -> float:
    return REGISTRY.get_sample_value("aggregator_refused_total", {"stream": stream, "reason": reason}) or 0.0


def test_every_accepted_mini_ticker_reaches_the_sinks_with_its_texts_and_the_time_of_arrival() -> None:
    taken: list[tuple[Sequence[MiniTicker], str, int]] = []
    intake = Intake(BINANCE, LatestPrices(), [lambda *given: taken.append(given)], clock_ms=lambda: START_MS + 7)
    source = intake.open_source("binance")
    frame = ticker_frame(ticker("btcusdt", "1.50000000"), {"s": "X"}, ticker("ethusdt", "2"))
    intake.mini_tickers(source, [frame, frame])
    ((tickers, passed_source, receive_ms),) = taken
    assert [(t.symbol, t.close) for t in tickers] == [("BTCUSDT", "1.50000000"), ("ETHUSDT", "2")] * 2
    assert (passed_source, receive_ms) == ("binance", START_MS + 7)


def test_every_accepted_trade_reaches_the_tape_byte_for_byte() -> None:
    taken: list[tuple[Sequence[Message], str, int]] = []
    intake = Intake(BINANCE, LatestPrices(), tape=lambda *given: taken.append(given), clock_ms=lambda: START_MS + 7)
    source = intake.open_source("simulator")
    frames = [trade("btcusdt", 7, "1.50000000"), b'{"s":1}', trade("ethusdt", 8, "-1"), trade("ethusdt", 9, "2") + b" "]
    intake.trades(source, frames)
    ending = b',"receive_time":%d,"src":"simulator"}' % (START_MS + 7)
    (given,) = taken
    assert given == (
        [
            Message(b"BTCUSDT", frames[0][:-1] + ending, START_MS + 7),
            Message(b"ETHUSDT", frames[3][:-2] + ending, START_MS + 7),
        ],
        "simulator",
        START_MS + 7,
    )


def test_a_trade_of_another_time_does_not_reach_the_tape() -> None:
    taken: list[bytes] = []
    intake = Intake(
        BINANCE,
        LatestPrices(),
        tape=lambda messages, *_: taken.extend(m.key for m in messages),
        clock_ms=lambda: START_MS,
    )
    source = intake.open_source("binance")
    intake.mini_tickers(source, [ticker_frame(ticker("btcusdt", "1"))])
    intake.trades(source, [trade("oldusdt", 1, "1", START_MS - 30 * MAX_OFFSET_MS), trade("btcusdt", 2, "2")])
    assert taken == [b"BTCUSDT"]


def test_frames_of_a_replaced_source_are_refused() -> None:
    latest = LatestPrices()
    intake = Intake(BINANCE, latest)
    old = intake.open_source("binance")
    intake.trades(old, [trade("btcusdt", 1, "1")])
    new = intake.open_source("simulator")
    before = refused("agg_trades", "source"), refused("mini_tickers", "source")
    intake.trades(old, [trade("btcusdt", 2, "2")] * 3)
    intake.mini_tickers(old, [ticker_frame(ticker("btcusdt", "3"))])
    assert latest.newest() == []
    assert (refused("agg_trades", "source"), refused("mini_tickers", "source")) == (before[0] + 3, before[1] + 1)
    intake.trades(new, [trade("btcusdt", 4, "4")])
    assert [quote.tick.price for quote in latest.newest()] == ["4"]


def test_only_a_change_of_source_is_a_change() -> None:
    changes: list[str] = []
    intake = Intake(BINANCE, LatestPrices(), on_other_source=lambda: changes.append("!"))
    for source in ("binance", "binance", "simulator", "simulator"):
        intake.open_source(source)
    assert changes == ["!"]


def test_a_long_name_of_a_source_is_cut() -> None:
    intake = Intake(BINANCE, LatestPrices())
    assert intake.open_source("x" * 5_000) == "x" * 32


def test_symbols_beyond_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "MAX_SYMBOLS", 1)
    intake = Intake(BINANCE, LatestPrices())
    source = intake.open_source("binance")
    before = refused("mini_tickers", "capacity")
    intake.mini_tickers(source, [ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "2"))])
    assert refused("mini_tickers", "capacity") == before + 1


@dataclass(slots=True)
class Clocks:
    """Ours, which a test may set; seconds pass for both."""

    wall_ms: int = START_MS
    now_s: float = 100.0

    def pass_s(self, seconds: float) -> None:
        self.wall_ms += int(seconds * 1_000)
        self.now_s += seconds

    def intake(self, book: LatestPrices) -> Intake:
        intake = Intake(BINANCE, book, clock_ms=lambda: self.wall_ms, clock_s=lambda: self.now_s)
        intake.open_source("binance")
        return intake

    def seconds_until_accepted(self, intake: Intake, offset_ms: int) -> int:
        """Frames of an exchange whose clock differs by `offset_ms` from ours, one a second, until one is accepted."""
        for second in range(60):
            self.pass_s(1)
            if intake.mini_tickers("binance", [ticker_frame(ticker("btcusdt", "2", self.wall_ms + offset_ms))]):
                return second
        raise AssertionError("nothing was accepted within a minute")


def test_that_nothing_is_accepted_is_logged_once_and_so_is_its_end() -> None:
    intake = Intake(BINANCE, LatestPrices(), clock_ms=lambda: START_MS, clock_s=lambda: 100.0)
    source = intake.open_source("binance")
    good, empty = ticker_frame(ticker("btcusdt", "1")), ticker_frame()
    ahead = ticker_frame(ticker("btcusdt", "2", START_MS + TOLERANCE_MS + 1))
    with capture_logs() as logged:
        frames = (empty, b"{", good, ahead, ahead, empty, ahead, good, good)
        accepts = [intake.mini_tickers(source, [frame]) for frame in frames]
    assert accepts == [False, False, True, False, False, False, False, True, True]
    whole = [entry for entry in logged if entry["event"].startswith("mini_tickers.")]
    assert [(entry["event"], entry.get("reason")) for entry in whole] == [
        ("mini_tickers.refused", "malformed"),
        ("mini_tickers.accepted_again", None),
        ("mini_tickers.refused", "future"),
        ("mini_tickers.accepted_again", None),
    ]
    assert whole[2]["cause"] == "event times are ahead of this machine's clock"
    named = [(entry["reason"], entry["example"]) for entry in logged if entry["event"] == "entries.refused"]
    assert named == [("malformed", "{"), ("future", "BTCUSDT")], "one of each reason a minute"


@pytest.mark.parametrize("offset_ms", [75_000, -75_000, 3_600_000, -3_600_000])
def test_a_clock_of_ours_that_is_wrong_stops_prices_for_seconds_only(offset_ms: int) -> None:
    clocks, book = Clocks(), LatestPrices()
    intake = clocks.intake(book)
    with capture_logs() as logged:
        assert clocks.seconds_until_accepted(intake, offset_ms) <= CONFIRM_S + 1
        for _ in range(5):
            clocks.seconds_until_accepted(intake, offset_ms)
    differs = [entry for entry in logged if entry["event"] == "clock.differs"]
    assert [entry["exchange_ahead_s"] for entry in differs] == [offset_ms // 1_000]


def test_event_times_that_ran_ahead_and_were_set_back_stop_prices_for_seconds_only() -> None:
    clocks, book = Clocks(), LatestPrices()
    intake = clocks.intake(book)
    hour_ms = 3_600_000
    clocks.seconds_until_accepted(intake, 0)
    for _ in range(20):
        clocks.seconds_until_accepted(intake, hour_ms)
    book.confirm("binance", book.due())
    back_s = clocks.now_s
    while not (due := book.due()):
        clocks.pass_s(1)
        intake.mini_tickers("binance", [ticker_frame(ticker("btcusdt", "3", clocks.wall_ms))])
    assert clocks.now_s - back_s <= 2 * CONFIRM_S
    assert (due[0].tick.price, due[0].tick.event_ms) == ("3", clocks.wall_ms)
    assert due[0].day is not None
    assert due[0].day.event_ms == clocks.wall_ms
    assert book.newest_event_ms == clocks.wall_ms


@pytest.mark.parametrize("factor", [1_000, 0.001])
def test_event_times_in_another_unit_are_never_accepted_and_leave_nothing_behind(factor: float) -> None:
    clocks, book = Clocks(), LatestPrices()
    intake = clocks.intake(book)
    for _ in range(15):
        clocks.pass_s(1)
        odd = ticker_frame(ticker("btcusdt", "2", int(clocks.wall_ms * factor)))
        assert not intake.mini_tickers("binance", [odd])
    assert intake.refusal == "event times are not in milliseconds"
    assert clocks.seconds_until_accepted(intake, 0) == 0
    assert intake.refusal is None


def test_one_event_far_ahead_costs_only_itself() -> None:
    clocks, book = Clocks(), LatestPrices()
    intake = clocks.intake(book)
    for second in range(30):
        clocks.pass_s(1)
        ahead_ms = clocks.wall_ms + 3_600_000
        frame = ticker_frame(
            *(ticker(symbol, str(second + 1), clocks.wall_ms) for symbol in ("a", "b", "c")),
            ticker("odd", "9", ahead_ms),
        )
        intake.mini_tickers("binance", [frame])
        assert [quote.tick.price for quote in book.newest()] == [str(second + 1)] * 3


def test_an_hour_ahead_in_the_cache_gives_way_to_what_comes() -> None:
    clocks, book = Clocks(), LatestPrices()
    intake = clocks.intake(book)
    book.restore("binance", [Quote("btcusdt", Tick(START_MS + 3_600_000, -1, "9"), None)])
    clocks.seconds_until_accepted(intake, 0)
    assert [quote.tick.price for quote in book.due()] == ["2"]


def test_a_clock_more_than_a_day_away_is_never_followed() -> None:
    clocks, book = Clocks(), LatestPrices()
    intake = clocks.intake(book)
    for _ in range(20):
        clocks.pass_s(1)
        frame = ticker_frame(ticker("btcusdt", "2", clocks.wall_ms + MAX_OFFSET_MS + 60_000))
        assert not intake.mini_tickers("binance", [frame])


def test_a_peer_that_does_not_name_its_source_has_the_one_that_is_configured() -> None:
    assert Intake(BINANCE, LatestPrices()).open_source(None) == "binance"
    assert Intake(BINANCE, LatestPrices(), default_source="simulator").open_source(None) == "simulator"
