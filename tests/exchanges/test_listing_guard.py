"""Which listings are believed."""

import pytest

from services.exchanges.listing_guard import BELIEVED_AFTER, ListingGuard


@pytest.mark.parametrize(("known", "listed"), [(0, 0), (0, 5), (100, 50), (100, 400), (1, 1)])
def test_a_listing_that_keeps_at_least_half_is_believed_at_once(known: int, listed: int) -> None:
    assert ListingGuard().believes(known, listed)


@pytest.mark.parametrize("listed", [0, 1, 49])
def test_one_that_lost_most_is_believed_when_it_is_repeated(listed: int) -> None:
    guard = ListingGuard()
    assert [guard.believes(100, listed) for _ in range(BELIEVED_AFTER)] == [False] * (BELIEVED_AFTER - 1) + [True]


def test_a_good_listing_in_between_begins_the_doubt_anew() -> None:
    guard = ListingGuard()
    assert [guard.believes(100, listed) for listed in (3, 3, 100, 3, 3)] == [False, False, True, False, False]
