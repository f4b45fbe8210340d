import io

import pytest

from services.backfill import report as backfill_report
from services.backfill.plan import INTERVALS, Span
from services.backfill.report import Progress, Task, progress_text, summary

FIRST = 29_454_480
"""The minute of 2026-01-01 12:00 UTC."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def task(count: int = 100, written: int = 0, present: int = 0) -> Task:
    return Task("BTCUSDT", Span(INTERVALS["1m"], FIRST, FIRST + count), written=written, present=present)


def test_progress_reports_how_much_is_done_of_all_and_how_long_it_will_take() -> None:
    first, second = task(1_500, present=500, written=1_000), task(4_500, written=1_500)
    assert progress_text([first, second], second, 10.0) == (
        "BTCUSDT 1m: 50 % of all, 3,000 of 6,000 candles, 300/s, 10 s left"
    )


def test_progress_without_any_candle_is_no_division_by_zero() -> None:
    assert progress_text([task(0)], task(0), 0.0).startswith("BTCUSDT 1m: 0 % of all, 0 of 0 candles")


def test_what_was_done_is_summed_up() -> None:
    assert summary([task(written=60, present=40)]) == (
        "BTCUSDT 1m, 2026-01-01 12:00 – 2026-01-01 13:40: 60 written, 40 there already"
    )


def test_an_end_before_the_end_reports_what_is_left() -> None:
    assert summary([task(written=60)]).endswith(": 60 written, 0 there already, 40 not reached")


def test_nothing_to_do_is_reported() -> None:
    done = task(present=100)
    assert summary([done, done]).endswith("\nNothing to fill.")
    assert "Nothing to fill" not in summary([done, task(present=99)])
    assert summary([task(0)]) == "BTCUSDT 1m: no candle of that time is over yet\nNothing to fill."


def test_holes_that_follow_one_another_are_one() -> None:
    filled = task(written=90)
    filled.note_hole(FIRST, FIRST + 5)
    filled.note_hole(FIRST + 5, FIRST + 9)
    filled.note_hole(FIRST + 20, FIRST + 21)
    assert summary([filled]).splitlines() == [
        "BTCUSDT 1m, 2026-01-01 12:00 – 2026-01-01 13:40: 90 written, 0 there already, 10 not at the exchange",
        "  nothing at the exchange: 2026-01-01 12:00 – 2026-01-01 12:09",
        "  nothing at the exchange: 2026-01-01 12:20 – 2026-01-01 12:21",
    ]


def test_many_holes_are_counted_and_only_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_report, "_MAX_HOLES", 7)
    filled = task(written=90)
    for number in range(10):
        filled.note_hole(FIRST + 2 * number, FIRST + 2 * number + 1)
    assert (filled.absent, len(filled.holes)) == (10, 7)
    assert len(summary([filled]).splitlines()) == 1 + 5 + 1


def test_a_pipe_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_report, "_LINE_EVERY_S", 0.0)
    stream = io.StringIO()
    progress = Progress([task(written=50)], stream)
    progress.advance(progress.tasks[0])
    progress.report("no answer; trying again")
    progress.clear()
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("BTCUSDT 1m: 50 % of all")
    assert lines[1:] == ["no answer; trying again"]


def test_a_pipe_is_not_flooded() -> None:
    stream = io.StringIO()
    progress = Progress([task()], stream)
    for _ in range(100):
        progress.advance(progress.tasks[0])
    assert stream.getvalue() == ""


def test_a_terminal_has_one_line_that_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_report, "_REDRAW_EVERY_S", 0.0)
    stream = Terminal()
    progress = Progress([task(written=50)], stream)
    progress.advance(progress.tasks[0])
    progress.advance(progress.tasks[0])
    progress.clear()
    text = stream.getvalue()
    assert "\n" not in text
    assert text.count("\rBTCUSDT 1m: 50 % of all") == 2
    assert text.endswith(" \r")


def test_a_narrow_terminal_wraps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    Progress([], stream).report("no answer from http://127.0.0.1:9444: All connection attempts failed; trying again")
    assert [len(line) for line in stream.getvalue().replace("\r", "").splitlines()] == [39]
