"""How far events can move the exchange's clock, by steps of any size."""

from services.exchanges.clock import MAX_OFFSET_MS, TOLERANCE_MS, ExchangeClock

START_MS = 1_767_225_600_000


def test_events_that_drift_do_not_take_the_clock_beyond_a_day() -> None:
    clock, step_ms = ExchangeClock(START_MS, 0.0), TOLERANCE_MS - 1_000
    for second in range(1, 2 * MAX_OFFSET_MS // step_ms):
        wall_ms = START_MS + second * 1_000
        clock.observe(wall_ms + second * step_ms, wall_ms, float(second))
    assert MAX_OFFSET_MS - step_ms <= clock.ahead_ms(wall_ms, float(second)) <= MAX_OFFSET_MS
