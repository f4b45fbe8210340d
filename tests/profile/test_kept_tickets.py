"""Tickets kept in the process: once each, for their time, and no user's at the cost of another's."""

import pytest

from services.common.tokens import AccessClaims
from services.profile.access import kept_tickets
from services.profile.access.kept_tickets import MAX_KEPT_PER_USER, KeptTickets

LIFETIME_S = 30.0


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(clock: Clock) -> KeptTickets:
    return KeptTickets(LIFETIME_S, clock)


def claims(user_id: int, session: str = "one") -> AccessClaims:
    return AccessClaims(user_id, 2000, session, 1000)


def test_a_ticket_is_good_once_for_the_session_that_asked(kept: KeptTickets) -> None:
    kept.keep("a", claims(1, "one"))
    kept.keep("b", claims(1, "two"))
    assert kept.take("b") == claims(1, "two")
    assert kept.take("b") is None
    assert kept.take("a") == claims(1, "one")
    assert kept.take("never") is None
    assert len(kept) == 0


def test_a_ticket_ends_with_its_time(kept: KeptTickets, clock: Clock) -> None:
    kept.keep("a", claims(1))
    clock.now_s += 10
    kept.keep("b", claims(1))
    clock.now_s += LIFETIME_S - 10.5
    assert kept.take("a") is not None
    kept.keep("c", claims(2))
    clock.now_s += 10.5
    assert kept.take("b") is None
    assert len(kept) == 1, "what has ended is not held either"
    assert kept.take("c") is not None


def test_a_user_who_asks_for_many_loses_their_own_oldest(kept: KeptTickets) -> None:
    kept.keep("other", claims(2))
    for number in range(MAX_KEPT_PER_USER + 1):
        kept.keep(str(number), claims(1))
    assert kept.take("0") is None
    assert kept.take("1") is not None
    assert kept.take("other") is not None


def test_all_tickets_together_are_bounded(kept: KeptTickets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_tickets, "MAX_KEPT", 3)
    for user_id in range(1, 5):
        kept.keep(f"of {user_id}", claims(user_id))
    assert len(kept) == 3
    assert [kept.take(f"of {user_id}") is None for user_id in range(1, 5)] == [True, False, False, False]
