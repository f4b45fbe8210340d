"""The bytes that leave."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.documents import last_price, read_last_prices, second_stat
from services.aggregator.prices import Quote, Tick
from services.market.decimals import is_plain_decimal, shortest
from services.market.events import MiniTicker

DAY = MiniTicker(1, "BTCUSDT", "1", "1.10000000", "2.0", "0.00000001", "0.00000000", "123456789012345678.5")

decimal_texts = st.from_regex(r"(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?", fullmatch=True).filter(str.isascii)


@given(decimal_texts)
def test_a_number_keeps_its_value_in_plain_notation(text: str) -> None:
    number = shortest(text)
    assert json.loads(number, parse_float=Decimal, parse_int=Decimal) == Decimal(text)
    assert is_plain_decimal(number)
    assert "." not in number or number[-1] not in "0."


def test_zeros_at_the_end_go_and_others_stay() -> None:
    texts = ["68123.45000000", "100", "100.00000000", "0.00000100", "0.0"]
    assert [shortest(text) for text in texts] == ["68123.45", "100", "100", "0.000001", "0"]


def test_second_stat_is_exactly_the_contracts() -> None:
    quote = Quote("btcusdt", Tick(1_767_225_600_123, 7, "68123.45000000"), DAY)
    assert second_stat(quote, "binance") == b'{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance"}'


def test_the_cached_price_adds_the_day_where_it_is_known() -> None:
    tick = Tick(5, 7, "1")
    assert last_price(Quote("btcusdt", tick, None), "sim") == b'{"s":"btcusdt","p":1,"t":5,"src":"sim"}'
    assert last_price(Quote("btcusdt", tick, DAY), "sim") == (
        b'{"s":"btcusdt","p":1,"t":5,"src":"sim","o":1.1,"h":2,"l":0.00000001,"v":0,"q":123456789012345678.5}'
    )


def test_any_symbol_makes_valid_json() -> None:
    quote = Quote("币安人生usdt", Tick(5, 7, "1"), None)
    assert json.loads(second_stat(quote, 'a"b'))["s"] == "币安人生usdt"


def test_the_cache_reads_back_what_was_written() -> None:
    quote = Quote("btcusdt", Tick(5, 7, "1.50"), DAY)
    (read,) = read_last_prices([last_price(quote, "binance")], "binance", 5)
    assert read.tick == Tick(5, -1, "1.5")
    assert read.day is not None
    assert last_price(read, "binance") == last_price(quote, "binance")


def test_what_is_not_ours_in_the_cache_is_left_out() -> None:
    values = [
        b"",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"s":"btcusdt","p":1E-31,"t":5,"src":"binance"}',
        b'{"s":"btcusdt","p":"x","t":5,"src":"binance"}',
        b'{"s":"btcusdt","p":"\xff","t":5,"src":"binance"}',
        b'{"s":"BTCUSDT","p":1,"t":5,"src":"binance"}',
        b'{"s":"btcusdt","p":1,"t":5,"src":"simulator"}',
        b'{"s":"btcusdt","p":1,"t":86400006,"src":"binance"}',
        b'{"s":"btcusdt","p":1,"t":-1,"src":"binance"}',
    ]
    assert read_last_prices(values, "binance", now_ms=5) == []
    without_source = read_last_prices([b'{"s":"btcusdt","p":1,"t":5}'], "binance", now_ms=5)
    assert [quote.symbol for quote in without_source] == ["btcusdt"], "the original's SecondStat"
