"""A sparkline goes from the price 24 h ago to the price now."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.dashboard.market import WINDOW_MS, Snapshot, SnapshotReader
from services.dashboard.sparklines import HOUR_MS, sparkline
from tests.dashboard.conftest import last_price

HOUR = 490_896
NOW_MS = HOUR * HOUR_MS + 1_800_000


def snapshot(value: str) -> Snapshot:
    return SnapshotReader().read("simulator", {b"btcusdt": value.encode()}, b"", NOW_MS)


def closes(*hours: int, price: str = "50") -> msgspec.Raw:
    points = ",".join(f"[{(HOUR - ago) * HOUR_MS},{price}]" for ago in hours)
    return msgspec.Raw(f"[{points}]".encode())


def drawn(closes: msgspec.Raw, market: Snapshot) -> list[Any]:
    encoded = msgspec.json.encode(sparkline(closes, market, "btcusdt"))
    points = msgspec.json.decode(encoded, type=list[tuple[int, Decimal]])
    return [(HOUR - hour_ms // HOUR_MS, close) for hour_ms, close in points]


@pytest.mark.parametrize(("price", "opened"), [("120", "100"), ("80", "100.000000000000000001")])
def test_it_rises_or_falls_as_the_change_does(price: str, opened: str) -> None:
    """Its closes alone would fall here, or rise, since they begin up to an hour late."""
    market = snapshot(last_price("btcusdt", price, o=opened, event_ms=NOW_MS))
    line = drawn(closes(23, 22, 0), market)
    assert line == [(24, Decimal(opened)), (23, 50), (22, 50), (0, Decimal(price))]


def test_without_an_open_it_begins_with_the_closes() -> None:
    assert drawn(closes(23, 0), snapshot(last_price("btcusdt", "9", event_ms=NOW_MS))) == [(23, 50), (0, 9)]


@pytest.mark.parametrize(
    "value",
    ["{", last_price("btcusdt", "9", o="1", event_ms=NOW_MS - WINDOW_MS)],
    ids=["unknown price", "price of the day before"],
)
def test_without_a_price_of_the_day_it_is_the_closes(value: str) -> None:
    assert drawn(closes(23, 0), snapshot(value)) == [(23, 50), (0, 50)]
    assert drawn(closes(), snapshot(value)) == []
