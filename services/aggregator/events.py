"""KafkaMsg: what the analytic contour gets of a mini-ticker, byte for byte as in docs/contracts.md. No I/O.

    {"message_id":"BTCUSDT:1767225600123","e":"24hrMiniTicker","E":1767225600123,"receive_time":1767225600187,
     "s":"BTCUSDT","c":"68123.45","o":"67000.00",…,"change_price":"1123.45","change_percent":"1.67679104",…}

The exchange's decimals pass through as it wrote them; what is calculated from them loses the zeros at its end.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from services.aggregator.documents import plain_number
from services.aggregator.frames import MiniTicker
from services.aggregator.prices import MAX_SYMBOLS

TOPIC = "binance.miniticker"


class Message(NamedTuple):
    """One record of the topic. Its time is that of arrival: Kafka deletes by age, and event times may be of old."""

    key: bytes
    value: bytes
    timestamp_ms: int


def encode(tickers: Iterable[MiniTicker], source: str, receive_ms: int) -> list[Message]:
    """The tickers of `source` that arrived at `receive_ms`, as messages in the same order."""
    ending = f'"src":{msgspec.json.encode(source).decode()}}}'
    return [Message(t.symbol.encode(), _value(t, receive_ms, ending).encode(), receive_ms) for t in tickers]


@lru_cache(maxsize=MAX_SYMBOLS)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own clients put `key`, so that a symbol keeps its partition whoever produces it."""
    return int(murmur2(key) & 0x7FFF_FFFF) % partitions


def changes(close: str, opened: str) -> tuple[str, str]:
    """`change_price` = close − open, exact, and `change_percent` of the open, half to even at 8 places."""
    before = Decimal(opened)
    change = _EXACT.subtract(Decimal(close), before)
    if not change or not before:
        return _plain(change), "0"
    percent = _EXACT.divide(_EXACT.multiply(change, _HUNDRED), before)
    return _plain(change), _plain(percent.quantize(_EIGHT_PLACES, context=_EXACT))


# Formatting costs half of encoding a struct. No text here needs escaping: decimals and symbols (letters and digits of
# any script, "_", "-", ".") were checked when they came in (frames.py).
def _value(ticker: MiniTicker, receive_ms: int, ending: str) -> str:
    symbol, event_ms = ticker.symbol, ticker.event_ms
    change_price, change_percent = changes(ticker.close, ticker.open)
    return (
        f'{{"message_id":"{symbol}:{event_ms}","e":"24hrMiniTicker","E":{event_ms},"receive_time":{receive_ms},'
        f'"s":"{symbol}","c":"{ticker.close}","o":"{ticker.open}","h":"{ticker.high}","l":"{ticker.low}",'
        f'"change_price":"{change_price}","change_percent":"{change_percent}",'
        f'"v":"{ticker.base_volume}","q":"{ticker.quote_volume}",{ending}'
    )


def _plain(number: Decimal) -> str:
    return plain_number(format(number, "f")) if number else "0"


# Prices have up to 20 + 18 digits. A quotient has up to 40 before the point, and one that is no tie at the 8th place
# differs from a tie by more than 10⁻⁴⁷: with 96 digits the first rounding never makes a tie for the second.
_EXACT: Final = Context(prec=96, rounding=ROUND_HALF_EVEN)
_HUNDRED: Final = Decimal(100)
_EIGHT_PLACES: Final = Decimal("1E-8")
