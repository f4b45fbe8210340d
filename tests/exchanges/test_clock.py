"""The exchange's clock, as its events show it."""

from services.exchanges.clock import CONFIRM_S, TOLERANCE_MS, ExchangeClock

START_MS = 1_767_225_600_000


def clock_at(*offsets_ms: int) -> ExchangeClock:
    """A clock that has seen one event a second, each so far from our wall clock; now is second `len(offsets_ms)`."""
    clock = ExchangeClock(START_MS, 0.0)
    for second, offset_ms in enumerate(offsets_ms, 1):
        wall_ms = START_MS + second * 1_000
        clock.observe(wall_ms + offset_ms, wall_ms, float(second))
    return clock


def ahead_ms(*offsets_ms: int) -> int:
    second = len(offsets_ms)
    return clock_at(*offsets_ms).ahead_ms(START_MS + second * 1_000, float(second))


def test_events_that_come_early_are_followed_at_once_and_late_ones_slowly() -> None:
    assert ahead_ms(500) == 500
    assert ahead_ms(500, -500) == 400, "a late frame is common"
    assert -505 < ahead_ms(*[-500] * 100) < -495


def test_a_large_difference_counts_when_events_have_agreed_on_it_for_a_while() -> None:
    hour_ms, seconds = 3_600_000, int(CONFIRM_S)
    assert ahead_ms(*[hour_ms] * seconds) == 0
    assert ahead_ms(*[hour_ms] * (seconds + 1)) == hour_ms
    assert ahead_ms(*[-hour_ms] * (seconds + 1)) == -hour_ms


def test_large_differences_that_disagree_count_for_nothing() -> None:
    assert ahead_ms(*(3_600_000 + second * 2 * TOLERANCE_MS for second in range(30))) == 0


def test_a_true_event_in_between_begins_the_agreement_anew() -> None:
    hour_ms = 3_600_000
    assert abs(ahead_ms(*[hour_ms] * 3, 0, *[hour_ms] * 3)) < TOLERANCE_MS
