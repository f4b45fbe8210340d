"""The small parts without I/O: limits, archive, journal, frames, arrivals, the list of symbols."""

import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import TEXT, Frame

from simulator.archive import Archive
from simulator.frames import text_frame
from simulator.generation import Arrivals
from simulator.journal import Journal, Record
from simulator.limits import MAX_ADDRESSES, ByAddress, MinuteMeter, SlidingWindow
from simulator.symbols import catalogue


def test_a_window_admits_its_limit_and_again_when_time_has_passed() -> None:
    window = SlidingWindow(limit=2, span_s=1.0)
    assert [window.admit(at) for at in (0.0, 0.5, 0.9)] == [True, True, False]
    assert window.admit(1.6)


def test_a_window_without_a_limit_admits_everything() -> None:
    assert all(SlidingWindow(limit=0, span_s=1.0).admit(0.0) for _ in range(100))


def test_weight_is_counted_by_the_clock_minute() -> None:
    meter = MinuteMeter()
    assert [meter.use(20, at) for at in (59.0, 59.9, 60.0)] == [20, 40, 20]


def test_counters_are_kept_for_a_bounded_number_of_addresses() -> None:
    counters = ByAddress(MinuteMeter)
    first = counters.of("first")
    assert counters.of("first") is first
    for number in range(MAX_ADDRESSES):
        counters.of(str(number))
    assert counters.of("first") is not first


def test_the_archive_finds_trades_by_id_and_forgets_the_oldest_of_all() -> None:
    archive = Archive(capacity=3)
    for symbol, trade_id in [("A", 7), ("B", 1), ("A", 8), ("A", 9)]:
        archive.add(symbol, trade_id, f"{symbol}{trade_id}".encode())
    assert list(archive.since("A", 0)) == [b"A8", b"A9"]
    assert list(archive.since("A", 9)) == [b"A9"]
    assert list(archive.since("A", 10)) == []
    assert list(archive.since("C", 0)) == []
    assert archive.last("A", 1) == [b"A9"]


def test_the_archive_starts_anew_where_ids_do_not_follow() -> None:
    archive = Archive(capacity=10)
    for trade_id in (1, 2, 50):
        archive.add("A", trade_id, str(trade_id).encode())
    assert list(archive.since("A", 0)) == [b"50"]


def test_the_journal_keeps_the_newest_in_memory_and_everything_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    journal = Journal(2, path)
    for number in range(3):
        journal.add(Record("aggTrade", "币安人生USDT", number, b'{"a":%d}' % number))
    journal.close()
    assert [record.receivers for record in journal.select("币安人生USDT", "aggTrade")] == [1, 2]
    assert list(journal.select("BTCUSDT", None)) == []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["data"]["a"] for line in lines] == [0, 1, 2]
    assert lines[0] == {"kind": "aggTrade", "symbol": "币安人生USDT", "receivers": 0, "data": {"a": 0}}


@given(st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000]))
def test_a_frame_is_what_the_library_would_have_written(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(TEXT, payload).serialize(mask=False)


def test_arrivals_are_in_order_and_the_same_for_a_seed() -> None:
    symbols = catalogue(50)
    first, second = (list(islice(Arrivals(symbols, 1.0, 9).until(10.0), 400)) for _ in range(2))
    assert first == second
    assert len(first) > 300
    assert set(first) <= {symbol.name for symbol in symbols if symbol.status == "TRADING"}


def test_arrivals_follow_the_rate() -> None:
    counts = [sum(1 for _ in Arrivals(catalogue(1), rate, 4).until(100.0)) for rate in (1.0, 10.0, 0.0)]
    assert 1_300 < counts[0] < 1_700
    assert 14_000 < counts[1] < 16_000
    assert counts[2] == 0


def test_the_list_of_symbols_looks_like_an_exchange() -> None:
    symbols = catalogue(400)
    assert [s.name for s in symbols[:2]] == ["BTCUSDT", "ETHUSDT"]
    assert len({s.name for s in symbols}) == 400
    assert any(not s.name.isascii() for s in symbols[:5])
    assert {s.status for s in symbols} == {"TRADING", "BREAK"}
    assert all(s.price % s.tick == 0 and s.typical_quantity % s.step == 0 for s in symbols)
    assert all(s.price >= s.tick > 0 and s.typical_quantity >= s.step > 0 for s in symbols)


def test_more_symbols_than_known_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        catalogue(480)
