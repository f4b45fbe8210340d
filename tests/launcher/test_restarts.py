"""Restarts: at once after readiness, within a budget; ever later after failed starts, up to a cap."""

from deploy.local.restarts import BURST, INTERVAL_S, Restarts


def test_what_is_killed_again_and_again_comes_back_at_once() -> None:
    """Before, the delay grew to the cap unless a life was long."""
    restarts = Restarts(cap_s=5)

    assert [restarts.delay_after_ready_s(now - 2, now) for now in range(0, 100, 5)] == [0.0] * 20


def test_a_loop_of_ready_ends_does_not_spin() -> None:
    restarts, now = Restarts(cap_s=5), 1000.0
    for _ in range(BURST + 10):
        now += restarts.delay_after_ready_s(now, now)

    assert now == 1000.0 + 10 * INTERVAL_S
    assert restarts.ends_in_a_row == BURST + 10


def test_failed_starts_are_retried_at_once_and_then_ever_later() -> None:
    restarts = Restarts(cap_s=5)
    delays = [restarts.delay_after_failed_start_s() for _ in range(200)]

    assert delays[0] == 0.0
    assert 3 < max(delays) <= 5
    assert restarts.ends_in_a_row == 200


def test_readiness_forgets_failed_starts() -> None:
    restarts = Restarts(cap_s=5)
    for _ in range(10):
        restarts.delay_after_failed_start_s()
    restarts.delay_after_ready_s(0, 60)

    assert restarts.delay_after_failed_start_s() == 0.0
    assert restarts.ends_in_a_row == 2
