"""The candles that a request means: times as they are written, and pages that hold every candle once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.errors import InvalidRequestError
from services.dashboard.history import MAX_TIME_S, STEP_S, Page, Request, page_in, page_without_lookup, parse_time_s
from services.market_api.answers import Interval

NOON_S = 1_769_860_800  # 2026-01-31T12:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1769860800000", NOON_S),
        ("1769860800001", NOON_S + 1),
        ("2026-01-31T12:00:00Z", NOON_S),
        ("2026-01-31T12:00:00", NOON_S),
        ("2026-01-31T13:00:00+01:00", NOON_S),
        ("2026-01-31T13:00:00 01:00", NOON_S),
        ("2026-01-31T12:00:00.001Z", NOON_S + 1),
        ("2026-01-31", NOON_S - 12 * 3600),
        ("2026-01-31 12:00", NOON_S),
        ("0", 0),
        ("20260131", NOON_S - 43_200),
        ("1900-01-01", 0),
        ("999999999999999", MAX_TIME_S),
        ("9999-12-31T23:59:59Z", MAX_TIME_S),
    ],
)
def test_times(text: str, seconds: int) -> None:
    """As the first whole second not before: candles start at whole seconds."""
    assert parse_time_s("from", text) == seconds


@pytest.mark.parametrize(
    "text", ["", "now", "-1", "1.5", "2026-13-01", "20261301", "1" * 16, "١٢٣", "0001-01-01T00:00:00+23:59T"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="from: a time in milliseconds or ISO 8601"):
        parse_time_s("from", text)


def request(interval: Interval, start_s: int | None, end_s: int, limit: int) -> Request:
    return Request("btcusdt", interval, "simulator", start_s, end_s, limit, "json")


def find_page(asked: Request, times: list[int]) -> Page:
    """As the engine would answer, from a plain list of the candles' times."""
    page = page_without_lookup(asked)
    for window in asked.windows():
        inside = sorted(time for time in times if window.start_s <= time < window.end_s)
        kept = inside[: asked.limit + 1] if asked.forward else inside[-asked.limit - 1 :]
        page = page or page_in(asked, window, len(kept), kept[0] if kept else 0, kept[-1] if kept else 0)
        if page is not None:
            return page
    raise AssertionError("no page")


candles = st.tuples(
    st.sampled_from(["1s", "1m", "1h", "1d"]), st.sets(st.integers(0, 400)), st.integers(1, 12), st.booleans()
)


@given(candles)
def test_pages_hold_every_candle_once(drawn: tuple[Interval, set[int], int, bool]) -> None:
    interval, buckets, limit, forward = drawn
    times = sorted(bucket * STEP_S[interval] for bucket in buckets)
    start_s, end_s = (0 if forward else None), 500 * STEP_S[interval]
    seen: list[int] = []
    for _ in range(len(times) + 1):
        page = find_page(request(interval, start_s, end_s, limit), times)
        inside = [time for time in times if page.start_s <= time < page.end_s]
        assert len(inside) <= limit
        seen = seen + inside if forward else inside + seen
        if page.next_s is page.previous_s is None:
            break
        assert len(inside) == limit
        start_s, end_s = (page.next_s, end_s) if forward else (None, page.previous_s or 0)
    assert seen == times


def test_a_range_that_cannot_hold_more_needs_no_search() -> None:
    assert page_without_lookup(request("1m", 0, 600, 10)) == Page(0, 600)
    assert page_without_lookup(request("1m", 0, 601, 10)) is None
    assert page_without_lookup(request("1m", None, 600, 10)) is None


def test_windows_grow_until_they_hold_all() -> None:
    windows = list(request("1s", None, NOON_S, 500).windows())
    assert windows[0].start_s == NOON_S - 501
    assert windows[-1].whole
    assert windows[-1].start_s == 0
    assert len(windows) <= 7


def test_only_what_has_ended_long_ago_is_settled() -> None:
    page = Page(0, NOON_S)
    assert not page.settled(NOON_S + 3599)
    assert page.settled(NOON_S + 3600)
