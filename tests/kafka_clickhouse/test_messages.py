"""What of a message can be stored."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kafka_clickhouse.errors import UndecodableError
from services.kafka_clickhouse.messages import TICKER_MESSAGES, are_numbers

OURS: dict[str, Any] = {
    "message_id": "BTCUSDT:1767225600123",
    "e": "24hrMiniTicker",
    "E": 1767225600123,
    "receive_time": 1767225600187,
    "s": "BTCUSDT",
    "c": "68123.45",
    "o": "67000.00",
    "h": "68500.00",
    "l": "66800.01",
    "change_price": "1123.45",
    "change_percent": "1.67679104",
    "v": "12345.678",
    "q": "834567890.12",
    "src": "simulator",
}


def message(**changes: Any) -> bytes:
    """Ours, with these changes; None takes a key away."""
    return json.dumps({key: value for key, value in (OURS | changes).items() if value is not None}).encode()


def test_our_own_message_is_read_as_it_stands() -> None:
    read = TICKER_MESSAGES.decode_one(message())
    assert {name: getattr(read, name) for name in OURS} == OURS


def test_unknown_keys_are_ignored() -> None:
    assert TICKER_MESSAGES.decode_one(message(new={"x": [1]})) == TICKER_MESSAGES.decode_one(message())


def test_what_the_go_original_leaves_out_has_a_meaning() -> None:
    read = TICKER_MESSAGES.decode_one(message(src=None, v=None, q=None))
    assert (read.src, read.v, read.q) == ("binance", "0", "0")


def test_what_follows_from_the_rest_may_be_absent() -> None:
    absent = dict.fromkeys(("message_id", "e", "receive_time", "change_price", "change_percent"))
    read = TICKER_MESSAGES.decode_one(message(**absent))
    assert read.message_id == OURS["message_id"]
    assert (read.change_price, read.change_percent) == (OURS["change_price"], OURS["change_percent"])
    assert (read.e, read.receive_time) == ("24hrMiniTicker", OURS["E"])


def test_numbers_are_as_good_as_text_and_exact() -> None:
    value = message(c=0).replace(b'"c": 0', b'"c": 12345678901234567890.123456789012345678')
    assert TICKER_MESSAGES.decode_one(value).c == "12345678901234567890.123456789012345678"
    assert TICKER_MESSAGES.decode_one(message(E="1767225600123", c=1e-7)).c == "0.0000001"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'{"s":"\xff"}', "utf-8"),
        (b"[]", "object"),
        (message(c=None), "`c`"),
        (message(s=""), "length"),
        (message(s="x" * 200), "length"),
        (message(E=1767225600), ">= 1000000000000"),
        (message(E=1767225600123000), "<= 4102444799999"),
        (message(c="1.2.3"), "`c` is no number"),
        (message(c="-"), "`c` is no number"),
        (message(c=" 1"), "`c` is no number"),
        (message(c="1_0"), "`c` is no number"),
        (message(c="\u0661"), "`c` is no number"),
        (message(c="nan"), "`c` is no number"),
        (message(q="123456789012345678901"), "`q` does not fit"),
        (message(c="1e999999999"), "`c` does not fit"),
        (message(c=0).replace(b'"c": 0', b'"c": 1e99999'), "`c` does not fit"),
        (message(src=5), "`$.src`"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(UndecodableError, match=re.escape(reason)):
        TICKER_MESSAGES.decode_one(value)


def is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(
    st.lists(st.text("0123456789.", max_size=4) | st.text("07.-_e \n\u0661", max_size=4) | st.just("1.5"), max_size=6)
)
@example(["1.5", "."])
@example(["1.5", ".5", "5."])
@example(["1.5\n2.5", ""])
@example(["1", "1.2.3"])
@example(["1.5", "\ud800"])
@example(["nan", "1"])
def test_a_column_is_of_numbers_if_each_text_is_one(texts: list[str]) -> None:
    assert are_numbers(texts) == all(map(is_float, texts))


def test_the_good_ones_of_a_batch_are_read_and_the_bad_ones_named() -> None:
    values = [message(), b'{"x":' + b"[" * 100_000, message(c="1.2.3"), message(s="ETHUSDT"), None]
    messages, bad = TICKER_MESSAGES.decode(values)
    assert [read.s for read in messages] == ["BTCUSDT", "ETHUSDT"]
    assert [undecodable.index for undecodable in bad] == [1, 2, 4]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**19), max_value=10**19))
def test_every_number_is_read_alike_as_text_and_as_number(number: Decimal) -> None:
    number = number.quantize(Decimal(1).scaleb(-18)) if abs(number) < 10**9 else number.to_integral_value()
    text = format(number, "f")
    as_number = message(c=0).replace(b'"c": 0', f'"c": {text}'.encode())
    assert (
        Decimal(TICKER_MESSAGES.decode_one(as_number).c)
        == Decimal(TICKER_MESSAGES.decode_one(message(c=text)).c)
        == number
    )
