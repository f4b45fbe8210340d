"""SecondStat as any producer may write it."""

from decimal import Decimal

import pytest

from services.market.second_stat import MalformedPriceError, decode_last_price, decode_second_stat

NOW_MS = 1_767_225_600_000
GO = b'{"user_id":0,"s":"btcusdt","p":63197.46}'


def test_a_message_of_the_go_original_has_the_time_of_its_arrival_and_the_default_source() -> None:
    stat = decode_second_stat(GO, NOW_MS)
    assert (stat.symbol, stat.price, stat.event_ms, stat.source) == ("btcusdt", Decimal("63197.46"), NOW_MS, "binance")
    assert decode_last_price(GO, NOW_MS).event_ms == NOW_MS


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("63197.459999999999", "63197.459999999999"),
        ("6.3e4", "63000"),
        ("6.3E+4", "63000"),
        ("4.1e-07", "0.00000041"),
        ("1e-9", "0.000000001"),
        ("0.1", "0.1"),
        ("63197", "63197"),
        ('"63197.46"', "63197.46"),
        ("0", "0"),
    ],
)
def test_a_price_is_taken_exactly_as_it_is_written(text: str, price: str) -> None:
    assert decode_second_stat(f'{{"s":"a","p":{text}}}', NOW_MS).price == Decimal(price)


def test_unknown_keys_are_ignored_and_a_time_of_its_own_is_kept() -> None:
    message = b'{"user_id":7,"s":"a","p":1,"t":5,"src":"simulator","more":[{"deep":1}]}'
    stat = decode_second_stat(message, NOW_MS)
    assert (stat.event_ms, stat.source) == (5, "simulator")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"7",
        b'{"s":"a","p":null}',
        b'{"s":"a","p":-1}',
        b'{"s":"a","p":1e21}',
        b'{"s":"a","p":1e-31}',
        b'{"s":"a","p":1e999999999}',
        b'{"s":"a","p":1,"t":1767225600000000}',
        b'{"s":"a","p":1,"t":-1}',
        b'{"s":"a","p":1,"t":"soon"}',
        b'{"s":"a","p":1,"src":""}',
    ],
)
def test_what_is_no_second_stat(message: bytes) -> None:
    with pytest.raises(MalformedPriceError):
        decode_second_stat(message, NOW_MS)
