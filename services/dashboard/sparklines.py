"""A sparkline: the closes of the last hours between the two prices of which the 24 h change is made. No I/O.

The change compares the price now with the price 24 h ago, so the line begins and ends with these: a line that falls
beside a change that rises would contradict it.
"""

from decimal import Decimal

import msgspec

from services.dashboard.market import Snapshot
from services.market.decimals import plain

HOUR_MS = 3_600_000


class _Point(msgspec.Struct, array_like=True):
    hour_ms: int
    close: msgspec.Raw


def sparkline(closes: msgspec.Raw, snapshot: Snapshot, symbol: str) -> list[_Point]:
    """`closes` ([start of the hour in ms, last price], of the last 24 hours) with the ends of the rolling day.

    The first point is the hour of 24 h ago, with the price of then; the last one this hour, with the price of now.
    Where these are unknown or out of date, the closes are all there is.
    """
    points = _decode(closes)
    quote = snapshot.quotes.get(symbol)
    if quote is None or not snapshot.current(quote):
        return points
    now_hour_ms = snapshot.time_ms // HOUR_MS * HOUR_MS
    between = [point for point in points if point.hour_ms < now_hour_ms]
    opened = [_Point(now_hour_ms - 24 * HOUR_MS, _raw(quote.opened))] if quote.opened is not None else []
    return [*opened, *between, _Point(now_hour_ms, _raw(quote.price))]


def _raw(number: Decimal) -> msgspec.Raw:
    return msgspec.Raw(plain(number).encode())


_decode = msgspec.json.Decoder(list[_Point]).decode
