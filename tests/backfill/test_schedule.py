"""What is filled next."""

from services.backfill.plan import INTERVALS
from services.backfill.schedule import (
    HOURS_S,
    LISTED_ROUND_S,
    LOOK_BACK_MS,
    REVIEW_S,
    ROUND_EACH_S,
    ROUND_S,
    SHOWN_FIRST,
    Job,
    Schedule,
    Step,
)

NOW_MS = 1_767_268_830_000
"""2026-01-01 12:00:30."""
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def drained(schedule: Schedule, now_s: float) -> list[Job]:
    """All jobs that are due, done one after the other."""
    jobs = []
    while (job := schedule.next(now_s)) is not None:
        jobs.append(job)
        schedule.finish(job)
    return jobs


def covered(jobs: list[Job], symbol: str, interval: str) -> set[int]:
    return {
        number
        for job in jobs
        if job.symbol == symbol and job.step.interval.name == interval
        for span in [job.step.span(NOW_MS)]
        for number in range(span.first, span.end)
    }


def test_a_wanted_symbol_gets_a_month_of_minutes_a_year_of_hours_and_all_days() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    jobs = drained(schedule, 0)
    minute, hour, day = (NOW_MS // INTERVALS[name].length_ms for name in ("1m", "1h", "1d"))
    assert covered(jobs, "btcusdt", "1m") == set(range(minute - 30 * 24 * 60, minute))
    assert covered(jobs, "btcusdt", "1h") == set(range(hour - 366 * 24, hour))
    assert covered(jobs, "btcusdt", "1d") >= set(range(17_000, day))


def test_the_newest_comes_first_and_a_month_last() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    spans = [(job.step.interval.name, job.step.span(NOW_MS)) for job in drained(schedule, 0)]
    assert [name for name, _ in spans[:4]] == ["1h", "1m", "1h", "1d"]
    minutes = [span for name, span in spans if name == "1m"]
    assert [span.end for span in minutes] == sorted((span.end for span in minutes), reverse=True)
    assert all(len(span) % 1_000 == 0 for span in minutes[:-1])  # whole pages


def test_every_day_chart_comes_before_any_month_and_what_pages_show_before_that() -> None:
    schedule = Schedule()
    listed = [f"l{number:04}usdt" for number in range(SHOWN_FIRST + 2)]
    schedule.update(["ethusdt", "btcusdt"], ["btcusdt", "ethusdt", *listed])
    jobs = drained(schedule, 0)
    first_month = next(number for number, job in enumerate(jobs) if job.step.newest_ms)
    before, after = jobs[:first_month], jobs[first_month:]
    assert [job.symbol for job in jobs[:4]] == ["btcusdt", "ethusdt"] * 2
    shown = listed[: SHOWN_FIRST - 2]
    assert [job.symbol for job in before if job.symbol.startswith("l")] == shown
    assert [job.symbol for job in after if job.symbol.startswith("l")] == listed[SHOWN_FIRST - 2 :]
    assert covered(jobs, listed[0], "1h") == set(range(NOW_MS // HOUR_MS - 24, NOW_MS // HOUR_MS))


def test_a_symbol_that_becomes_wanted_goes_before_anothers_month() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    while (job := schedule.next(0)) is not None and not job.step.newest_ms:
        schedule.finish(job)
    assert job is not None
    schedule.retry(job)
    schedule.update(["btcusdt", "ethusdt"], [])
    assert schedule.next(0) == Job("ethusdt", Step(1, INTERVALS["1h"], DAY_MS))


def test_two_workers_never_have_the_same_symbol() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    assert schedule.next(0) is not None
    assert schedule.next(0) is None


def test_a_job_that_failed_comes_again_and_one_set_aside_later() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt", "ethusdt"], ["btcusdt", "ethusdt"])
    first = schedule.next(0)
    assert first is not None
    schedule.retry(first)
    assert schedule.next(0) == first
    schedule.set_aside(first, 100)
    assert {job.symbol for job in drained(schedule, 99)} == {"ethusdt"}
    # What is not being worked on would keep the progress from ever being whole.
    assert schedule.standing()[:3] == (1, 1, 0)
    assert {job.symbol for job in drained(schedule, 101)} >= {"btcusdt"}
    assert schedule.standing()[:3] == (2, 2, 0)


def test_what_is_pending_has_fewer_steps_left_with_each_that_is_done_and_is_none_while_it_comes_round() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], ["ethusdt"])
    assert list(schedule.standing().pending) == ["btcusdt"]
    left = []
    while (pending := schedule.standing().pending) and (job := schedule.next(0)):
        left.append(pending["btcusdt"])
        schedule.finish(job)
    assert left == sorted(left, reverse=True)
    assert (set(left), pending) == (set(range(1, left[0] + 1)), {})
    assert schedule.next(ROUND_S) is not None
    assert schedule.standing().pending == {}


def test_what_was_set_aside_is_not_pending() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    job = schedule.next(0)
    assert job is not None
    schedule.set_aside(job, 100)
    assert schedule.standing().pending == {}


def test_what_was_filled_comes_round_again_and_looks_back_further_than_a_round() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    drained(schedule, 0)
    assert drained(schedule, ROUND_S - 1) == []
    jobs = drained(schedule, ROUND_S)
    assert covered(jobs, "btcusdt", "1m") == set(range((NOW_MS - LOOK_BACK_MS) // MINUTE_MS, NOW_MS // MINUTE_MS))
    assert [(job.step.rank, job.step.interval.name) for job in jobs] == [(0, "1m")]
    assert [job.step.interval.name for job in drained(schedule, HOURS_S)] == ["1m", "1h", "1d"]
    assert LOOK_BACK_MS > 2 * HOUR_MS > 2_000 * ROUND_S


def test_a_wanted_symbol_is_looked_through_again_now_and_then() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    first, now_s = len(drained(schedule, 0)), 0.0
    jobs = []
    while now_s < REVIEW_S:
        now_s += ROUND_S
        jobs = drained(schedule, now_s)
    assert len(jobs) == first
    assert schedule.standing().filled == 1


def test_a_symbol_that_was_not_wanted_for_hours_has_its_gap_filled() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], ["btcusdt"])
    first = len(drained(schedule, 0))
    schedule.update([], ["btcusdt"])
    drained(schedule, 10)
    schedule.update(["btcusdt"], ["btcusdt"])
    assert drained(schedule, 20) == []  # a page that was looked away from costs nothing
    schedule.update([], ["btcusdt"])
    drained(schedule, 3 * LISTED_ROUND_S)
    schedule.update(["btcusdt"], ["btcusdt"])
    assert len(drained(schedule, 3 * LISTED_ROUND_S + 1)) == first


def test_a_fill_that_was_broken_off_goes_on_when_the_symbol_is_wanted_again() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], ["btcusdt"])
    job = schedule.next(0)
    assert job is not None
    schedule.update([], ["btcusdt"])
    schedule.finish(job)
    drained(schedule, 1)
    schedule.update(["btcusdt"], ["btcusdt"])
    assert len(drained(schedule, 2)) > 5


def test_every_listed_symbol_comes_round_within_an_hour_spread_over_it() -> None:
    schedule = Schedule()
    listed = [f"l{number}usdt" for number in range(60)]
    schedule.update([], listed)
    drained(schedule, 0)
    busy = [len({job.symbol for job in drained(schedule, minute * 60.0)}) for minute in range(1, 61)]
    assert sum(busy) == 60
    assert max(busy) <= 2
    again = [job for minute in range(61, 122) for job in drained(schedule, minute * 60.0)]
    assert {job.symbol for job in again} == set(listed)
    assert LISTED_ROUND_S <= 3_600


def test_of_a_listed_symbol_only_the_candles_that_are_there_are_made_exact() -> None:
    schedule = Schedule()
    schedule.update([], ["btcusdt"])
    assert [job.step.only_present for job in drained(schedule, 0)] == [False]
    jobs = drained(schedule, LISTED_ROUND_S)
    assert {job.step.interval.name for job in jobs if job.step.only_present} == {"1m", "1h", "1d"}
    assert [job.step.interval.name for job in jobs if not job.step.only_present] == ["1h"]


def test_a_listed_symbol_that_had_no_round_for_a_day_has_its_gap_made_exact() -> None:
    """The exchange is away for 30 hours, and what is recorded goes on: what a round looks back is not enough."""
    schedule, back_s = Schedule(), 32 * 3_600.0
    schedule.update([], ["btcusdt"])
    drained(schedule, 0)
    drained(schedule, LISTED_ROUND_S)
    job = schedule.next(2 * LISTED_ROUND_S)
    assert job is not None
    schedule.retry(job)
    jobs = drained(schedule, back_s) + drained(schedule, back_s + LISTED_ROUND_S)
    missed = {(NOW_MS - age) // MINUTE_MS for age in range(2 * HOUR_MS, 30 * HOUR_MS, MINUTE_MS)}
    assert missed <= covered(jobs, "btcusdt", "1m")
    again = drained(schedule, back_s + 2 * LISTED_ROUND_S)
    assert len(covered(again, "btcusdt", "1m")) <= DAY_MS // MINUTE_MS


def test_what_is_neither_wanted_nor_listed_is_forgotten() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    job = schedule.next(0)
    assert job is not None
    schedule.update([], [])
    schedule.finish(job)
    assert schedule.next(0) is None
    assert schedule.standing()[:3] == (0, 0, 0)


def test_many_wanted_symbols_come_round_less_often_but_within_the_hour() -> None:
    schedule = Schedule()
    symbols = [f"w{number}usdt" for number in range(40)]
    schedule.update(symbols, [])
    drained(schedule, 0)
    assert drained(schedule, 40 * ROUND_EACH_S - 1) == []
    assert len(drained(schedule, 40 * ROUND_EACH_S)) == 40
    schedule.update([*symbols, *(f"x{number}usdt" for number in range(5_000))], [])
    later_s = 40 * ROUND_EACH_S + LISTED_ROUND_S
    due = set()
    while (job := schedule.next(later_s)) is not None and job.step.rank == 0:
        due.add(job.symbol)
        schedule.finish(job)
    assert due == set(symbols)


def test_what_was_done_by_a_wrong_clock_is_done_anew() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], ["btcusdt", "ethusdt"])
    before = drained(schedule, 0.0)
    assert drained(schedule, 1.0) == []
    schedule.begin_anew()
    assert schedule.standing().filled == 0
    assert drained(schedule, 2.0) == before
    assert schedule.standing().filled == 1


def test_a_job_that_is_under_way_when_all_begins_anew_does_not_count() -> None:
    schedule = Schedule()
    schedule.update(["btcusdt"], [])
    job = schedule.next(0.0)
    assert job is not None
    schedule.begin_anew()
    schedule.finish(job)
    assert schedule.next(0.0) == job
