"""Between the streams and the price table: what is handed on, and to whom."""

from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.aggregator import prices
from services.aggregator.frames import MAX_AHEAD_MS
from services.aggregator.intake import Intake
from services.aggregator.prices import LatestPrices
from services.market.events import MiniTicker
from tests.aggregator.socket_peer import START_MS, ticker, ticker_frame, trade


def refused(stream: str, reason: str) -> float:
    return REGISTRY.get_sample_value("aggregator_refused_total", {"stream": stream, "reason": reason}) or 0.0


def test_every_accepted_mini_ticker_reaches_the_sinks_with_its_texts_and_the_time_of_arrival() -> None:
    taken: list[tuple[Sequence[MiniTicker], str, int]] = []
    intake = Intake(LatestPrices(), [lambda *given: taken.append(given)], clock_ms=lambda: START_MS + 7)
    source = intake.open_source("binance")
    frame = ticker_frame(ticker("btcusdt", "1.50000000"), {"s": "X"}, ticker("ethusdt", "2"))
    intake.mini_tickers(source, [frame, frame])
    ((tickers, told_source, receive_ms),) = taken
    assert [(t.symbol, t.close) for t in tickers] == [("BTCUSDT", "1.50000000"), ("ETHUSDT", "2")] * 2
    assert (told_source, receive_ms) == ("binance", START_MS + 7)


def test_frames_of_a_replaced_source_are_refused() -> None:
    latest = LatestPrices()
    intake = Intake(latest)
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
    intake = Intake(LatestPrices(), on_other_source=lambda: changes.append("!"))
    for source in ("binance", "binance", "simulator", "simulator"):
        intake.open_source(source)
    assert changes == ["!"]


def test_a_long_name_of_a_source_is_cut() -> None:
    intake = Intake(LatestPrices())
    assert intake.open_source("x" * 5_000) == "x" * 32


def test_symbols_beyond_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "MAX_SYMBOLS", 1)
    intake = Intake(LatestPrices())
    source = intake.open_source("binance")
    before = refused("mini_tickers", "capacity")
    intake.mini_tickers(source, [ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "2"))])
    assert refused("mini_tickers", "capacity") == before + 1


def test_that_nothing_is_accepted_is_told_once_and_so_is_its_end() -> None:
    intake = Intake(LatestPrices(), clock_ms=lambda: START_MS)
    source = intake.open_source("binance")
    good, empty = ticker_frame(ticker("btcusdt", "1")), ticker_frame()
    ahead = ticker_frame(ticker("btcusdt", "2", START_MS + MAX_AHEAD_MS + 1))
    with capture_logs() as logged:
        frames = (empty, b"{", good, ahead, ahead, empty, ahead, good, good)
        accepts = [intake.mini_tickers(source, [frame]) for frame in frames]
    assert accepts == [True, False, True, False, False, False, False, True, True]
    assert [(entry["event"], entry.get("reason")) for entry in logged] == [
        ("mini_tickers.refused", "malformed"),
        ("mini_tickers.accepted_again", None),
        ("mini_tickers.refused", "future"),
        ("mini_tickers.accepted_again", None),
    ]
    assert logged[2]["cause"] == "event times are ahead of this machine's clock"
