import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.backfill.errors import UsageError
from services.backfill.plan import (
    INTERVALS,
    PAGE_SIZE,
    SETTLE_MS,
    Span,
    between,
    closed_span,
    interval_of,
    next_page,
    ranges,
    symbol_of,
    time_ms,
    time_text,
)

NOON_MS = 1_767_268_800_000
"""2026-01-01 12:00 UTC."""
MINUTE, HOUR, DAY = (INTERVALS[name] for name in ("1m", "1h", "1d"))
numbers = st.integers(0, 10 * PAGE_SIZE)


@given(st.sampled_from(sorted(INTERVALS)), st.integers(0, 2 * NOON_MS), st.integers(0, 2 * NOON_MS))
def test_a_candle_that_is_not_over_is_in_no_span(name: str, from_ms: int, now_ms: int) -> None:
    interval = INTERVALS[name]
    span = closed_span(interval, from_ms, 3 * NOON_MS, now_ms)
    assert len(span) == 0 or span.end * interval.length_ms <= now_ms - SETTLE_MS


def test_a_span_begins_with_the_candle_around_its_start() -> None:
    half_past_ms = NOON_MS + 1_800_000
    span = closed_span(HOUR, half_past_ms, NOON_MS + 7_200_000, 2 * NOON_MS)
    assert (span.first * HOUR.length_ms, span.end * HOUR.length_ms) == (NOON_MS, NOON_MS + 7_200_000)


def test_a_span_ends_with_the_last_candle_that_is_over_by_its_end() -> None:
    span = closed_span(MINUTE, NOON_MS, NOON_MS + 119_999, 2 * NOON_MS)
    assert (span.first * MINUTE.length_ms, len(span)) == (NOON_MS, 1)


def test_a_span_shorter_than_its_interval_is_empty() -> None:
    assert len(closed_span(DAY, NOON_MS, NOON_MS + 3_600_000, 2 * NOON_MS)) == 0


@given(st.integers(0, 1_000), st.integers(0, 5_000), st.integers(1, 999))
def test_the_pieces_of_a_span_are_the_span(first: int, count: int, size: int) -> None:
    span = Span(MINUTE, first, first + count)
    pieces = list(span.pieces(size))
    assert [number for piece in pieces for number in range(piece.first, piece.end)] == list(range(first, first + count))
    assert all(0 < len(piece) <= size for piece in pieces)


@given(st.sets(numbers))
def test_the_pages_of_what_is_missing_cover_it_and_are_as_few_as_can_be(missing: set[int]) -> None:
    ordered = sorted(missing)
    covered: list[int] = []
    position, pages = 0, 0
    while (page := next_page(ordered, position)) is not None:
        first, count = page
        assert 1 <= count <= PAGE_SIZE
        assert {first, first + count - 1} <= missing
        covered += between(ordered, first, first + count)
        position, pages = first + count, pages + 1
    assert covered == ordered
    assert pages <= 1 + len({number // PAGE_SIZE for number in missing})


@given(st.sets(st.integers(0, 40)))
def test_ranges_hold_the_numbers_and_never_touch(chosen: set[int]) -> None:
    found = ranges(chosen)
    assert [number for first, end in found for number in range(first, end)] == sorted(chosen)
    assert all(found[at][1] < found[at + 1][0] for at in range(len(found) - 1))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-01T12:00", NOON_MS),
        ("2026-01-01T12:00Z", NOON_MS),
        ("2026-01-01 14:00+02:00", NOON_MS),
        ("20260101T12", NOON_MS),
        ("1767268800000", NOON_MS),
        ("2026-01-01", NOON_MS - 12 * 3_600_000),
        ("20260101", NOON_MS - 12 * 3_600_000),
    ],
)
def test_times_are_read_as_utc_unless_they_have_an_offset(text: str, ms: int) -> None:
    assert time_ms(text) == ms
    assert time_ms(time_text(ms)) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-02-30", "1767268800000000", "\uff11" * 13])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        time_ms(text)


def test_symbols_are_asked_for_as_the_exchange_writes_them() -> None:
    assert [symbol_of("btcusdt"), symbol_of("1000SatsUSDT"), symbol_of("币安人生usdt")] == [
        "BTCUSDT",
        "1000SATSUSDT",
        "币安人生USDT",
    ]


@pytest.mark.parametrize("text", ["", "btc/usdt", "btc usdt", "b" * 51, "*"])
def test_what_can_be_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be a symbol"):
        symbol_of(text)


def test_an_interval_that_is_not_kept_is_refused() -> None:
    with pytest.raises(UsageError, match="there are 1s, 1m, 1h, 1d"):
        interval_of("5m")
