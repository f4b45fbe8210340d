"""The choice of a symbol's price among those that arrive."""

import time
from decimal import Decimal

from services.profile.live.prices import HELD_S, LatestPrices, Price, price_of

HOUR_MS = 3_600_000


def at(event_ms: int, price: int = 1, source: str = "binance") -> Price:
    return price_of(Decimal(price), event_ms, source)


def test_an_older_event_changes_nothing_while_it_may_be_late() -> None:
    prices = LatestPrices()
    assert prices.apply("a", at(5, 2), heard_s=100.0)
    assert not prices.apply("a", at(4, 1), heard_s=100.0 + HELD_S)
    assert prices.latest["a"].price == 2
    assert prices.apply("a", at(5, 3), heard_s=100.1), "the same time with another price is newer"


def test_an_event_time_that_was_wrong_holds_a_symbol_for_seconds_only() -> None:
    prices = LatestPrices()
    prices.apply("a", at(HOUR_MS, 2), heard_s=100.0)
    assert prices.apply("a", at(1, 3), heard_s=100.1 + HELD_S)
    assert prices.take_changes() == {"a"}
    assert prices.apply("a", at(2, 4), heard_s=101.1 + HELD_S)
    assert prices.latest["a"].price == 4


def test_what_is_read_from_the_cache_never_takes_a_price_back() -> None:
    prices = LatestPrices()
    prices.apply("a", at(5, 2), heard_s=100.0)
    assert not prices.apply("a", at(4, 1))
    assert prices.apply("a", at(6, 3))


def test_prices_of_another_source_begin_anew() -> None:
    prices, now_s = LatestPrices(), time.monotonic()
    prices.apply("a", at(5), heard_s=now_s)
    prices.take_changes()
    prices.apply("b", at(1, source="simulator"), heard_s=now_s)
    assert prices.latest.keys() == {"b"}
    assert prices.take_changes() == {"a", "b"}, "the price of `a` is unknown now, and its viewers are to see that"
    assert prices.apply("a", at(1, source="simulator"), heard_s=now_s)
    prices.forget("a")
    assert prices.apply("a", at(0, source="simulator"), heard_s=now_s)


def test_the_cache_of_another_source_takes_no_price_that_a_channel_brings() -> None:
    prices = LatestPrices()
    prices.apply("a", at(5), heard_s=time.monotonic())
    assert not prices.apply("b", at(9, source="simulator"))
    assert (prices.source, set(prices.latest)) == ("binance", {"a"})


def test_the_cache_decides_on_the_source_where_no_channel_has_spoken_for_long() -> None:
    prices = LatestPrices()
    prices.apply("a", at(5))
    assert prices.apply("b", at(5, source="simulator")), "the cache was filled anew"
    prices.apply("b", at(6, source="simulator"), heard_s=time.monotonic() - HELD_S - 1)
    assert prices.apply("a", at(5))
    assert prices.latest.keys() == {"a"}


def test_the_same_price_again_is_no_change_nor_is_one_without_viewers() -> None:
    prices = LatestPrices()
    prices.apply("a", at(5), heard_s=100.0)
    prices.take_changes()
    assert not prices.apply("a", at(5), heard_s=101.0)
    prices.apply("a", at(6), heard_s=102.0)
    prices.forget("a")
    assert prices.take_changes() == set()
