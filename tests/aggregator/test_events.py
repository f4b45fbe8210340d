"""KafkaMsg, byte for byte; its arithmetic against another way to calculate it; where Java would put a key."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.events import encode, partition_of
from services.aggregator.frames import decode_mini_tickers
from services.market.events import MiniTicker
from services.market.kafka_msg import changes
from tests.aggregator.socket_peer import BINANCE, START_MS, ticker, ticker_frame

PRICES = st.decimals("0", "99999999999999999999", places=18).map(lambda number: format(number, "f")) | st.from_regex(
    r"(0|[1-9][0-9]{0,6})(\.[0-9]{1,8})?", fullmatch=True
)
SYMBOLS = st.from_regex(r"[\w.-]{1,20}", fullmatch=True).filter(lambda text: text.lower() == text.lower().strip())


def test_a_message_is_as_the_contract_states() -> None:
    entry = {"c": "68123.45", "o": "67000.00", "h": "68500.00", "l": "66800.01", "v": "12345.678", "q": "834567890.12"}
    frame = ticker_frame(ticker("btcusdt", "1", START_MS + 123) | entry)
    (message,) = encode(decode_mini_tickers(BINANCE, [frame], START_MS + 1_000).accepted, "binance", START_MS + 187)
    assert message.key == b"BTCUSDT"
    assert message.value == (
        b'{"message_id":"BTCUSDT:1767225600123","e":"24hrMiniTicker","E":1767225600123,"receive_time":1767225600187,'
        b'"s":"BTCUSDT","c":"68123.45","o":"67000.00","h":"68500.00","l":"66800.01",'
        b'"change_price":"1123.45","change_percent":"1.67679104","v":"12345.678","q":"834567890.12","src":"binance"}'
    )
    assert message.timestamp_ms == START_MS + 187, "an old event time would make Kafka delete it at once"


@pytest.mark.parametrize(
    ("close", "opened", "expected"),
    [
        ("68123.45000000", "67000.00000000", ("1123.45", "1.67679104")),
        ("1", "1.00000000", ("0", "0")),
        ("5", "0.00000000", ("5", "0")),
        ("0.9", "1", ("-0.1", "-10")),
        ("0.00000001", "0.00000002", ("-0.00000001", "-50")),
        ("99999999999999999999", "99999999999999999998.999999999999999999", ("0.000000000000000001", "0")),
        ("99999999999999999998.999999999999999999", "99999999999999999999", ("-0.000000000000000001", "0")),
        ("200.00000001", "200", ("0.00000001", "0")),
        ("200.00000003", "200", ("0.00000003", "0.00000002")),
        ("200.000000010000000001", "200", ("0.000000010000000001", "0.00000001")),
    ],
    ids=["contract", "same", "no open", "down", "small", "tiny up", "tiny down", "tie down", "tie up", "above a tie"],
)
def test_changes(close: str, opened: str, expected: tuple[str, str]) -> None:
    assert changes(close, opened) == expected


@given(PRICES, PRICES)
def test_changes_are_those_of_exact_fractions(close: str, opened: str) -> None:
    change, percent = changes(close, opened)
    exact = Fraction(close) - Fraction(opened)
    assert Fraction(change) == exact
    rounded = round(exact / Fraction(opened) * 100 * 10**8) if Fraction(opened) else 0  # half to even, of a fraction
    assert Fraction(percent) == Fraction(rounded, 10**8)
    for text in (change, percent):
        assert text == format(Decimal(text), "f"), "plain notation"
        assert text != "-0"
        assert "." not in text or text[-1] not in "0."


@given(SYMBOLS, st.integers(1, 2**53 - 1), PRICES, PRICES, st.text(max_size=32), st.integers(0, 2**53))
def test_every_message_is_json_that_holds_what_came_in(
    symbol: str, event_ms: int, close: str, opened: str, source: str, receive_ms: int
) -> None:
    came = MiniTicker(event_ms, symbol, close, opened, "3", "1", "4.0", "5")
    first, second = encode([came, came], source, receive_ms)
    assert first == second
    message = json.loads(first.value)
    assert first.key.decode() == message["s"] == symbol
    assert message["message_id"] == f"{symbol}:{event_ms}"
    assert json.loads(encode([came], "other", receive_ms + 5)[0].value)["message_id"] == message["message_id"]
    assert (message["E"], message["receive_time"], message["src"]) == (event_ms, receive_ms, source)
    assert [message[name] for name in "cohlvq"] == [close, opened, "3", "1", "4.0", "5"]


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_keys_are_hashed_as_by_java(key: str, hashed: int) -> None:
    """The vectors are those of Kafka's own UtilsTest.testMurmur2."""
    assert murmur2(key.encode()) == hashed % 2**32
    assert partition_of(key.encode(), 3) == (hashed & 0x7FFF_FFFF) % 3
