"""Decoding: what is accepted, what is refused and under which name."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.frames import MAX_AHEAD_MS, decode_mini_tickers, decode_trades
from tests.aggregator.socket_peer import START_MS, ticker, ticker_frame, trade

NOW_MS = START_MS + 5_000

JUNK = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"e":"aggTrade","E":17',
    b"[" * 100_000,
    b'{"E":1,"x":' + b"[" * 100_000,
    b'{"E":1767225600000,"s":"\xff\xfe","a":1,"p":"1"}',
    b'{"E":1767225600000,"s":"\\ud800","a":1,"p":"1"}',
    b'{"E":"1767225600000","s":"BTCUSDT","a":1,"p":"1"}',
    b'{"E":1767225600000.5,"s":"BTCUSDT","a":1,"p":"1"}',
    b'{"E":-5,"s":"BTCUSDT","a":1,"p":"1"}',
    b'{"E":1767225600000,"s":"BTCUSDT","a":-1,"p":"1"}',
    b'{"E":1767225600000,"s":"BTCUSDT","a":99999999999999999999,"p":"1"}',
    b'{"E":1767225600000,"s":"BTCUSDT","a":1,"p":1.5}',
    b'{"E":1767225600000,"s":"","a":1,"p":"1"}',
    b'{"E":1767225600000,"s":"auth:revocations","a":1,"p":"1"}',
    b'{"E":1767225600000,"s":"' + b"A" * 41 + b'","a":1,"p":"1"}',
]


@pytest.mark.parametrize("frame", JUNK, ids=lambda frame: repr(frame[:40]))
def test_a_malformed_trade_costs_only_itself(frame: bytes) -> None:
    good = trade("btcusdt", 1, "1.5")
    accepted, refused = decode_trades([good, frame, good], NOW_MS)
    assert [t.price for t in accepted] == ["1.5", "1.5"]
    assert refused == {"malformed": 1}


NO_DECIMALS = ["", ".", "1.", ".5", "+1", "1e5", "NaN", "Infinity", "0x1", "01", "1,5", "٣", " 1", "--1", "1" * 21]


@pytest.mark.parametrize("price", [*NO_DECIMALS, "0." + "1" * 19])
def test_a_price_that_is_no_plain_decimal_is_malformed(price: str) -> None:
    assert decode_trades([trade("btcusdt", 1, price)], NOW_MS).refused == {"malformed": 1}


@pytest.mark.parametrize("price", ["0", "0.00000000", "-1", "-0.1"])
def test_a_price_must_be_above_zero(price: str) -> None:
    assert decode_trades([trade("btcusdt", 1, price)], NOW_MS).refused == {"price": 1}
    assert decode_mini_tickers([ticker_frame(ticker("btcusdt", price))], NOW_MS).refused == {"price": 1}


def test_an_event_far_ahead_of_our_clock_is_refused_and_one_at_the_bound_is_not() -> None:
    ahead_ms = NOW_MS + MAX_AHEAD_MS
    frames = [trade("btcusdt", 1, "1", ahead_ms), trade("btcusdt", 2, "1", ahead_ms + 1)]
    accepted, refused = decode_trades(frames, NOW_MS)
    assert ([t.trade_id for t in accepted], refused) == ([1], {"future": 1})


def test_a_bad_entry_of_a_mini_ticker_frame_leaves_the_others() -> None:
    bad_volume = ticker("bad", "1") | {"v": "-"}
    entries = [ticker("btcusdt", "1"), {"s": "X"}, None, bad_volume, ticker("bnbbtc", "0"), ticker("ethusdt", "2")]
    accepted, refused = decode_mini_tickers([ticker_frame(*entries)], NOW_MS)
    assert [t.symbol for t in accepted] == ["BTCUSDT", "ETHUSDT"]
    assert refused == {"malformed": 3, "price": 1}


def test_a_mini_ticker_frame_that_is_no_array_counts_once() -> None:
    frames = [b"{}", b"[{", b"\xff", ticker_frame(ticker("btcusdt", "1"))]
    accepted, refused = decode_mini_tickers(frames, NOW_MS)
    assert (len(accepted), refused) == (1, {"malformed": 3})


def test_the_exchanges_own_texts_stay_available() -> None:
    accepted, _ = decode_mini_tickers([ticker_frame(ticker("btcusdt", "68123.45000000"))], NOW_MS)
    assert msgspec.to_builtins(accepted[0]) == {
        "E": START_MS, "s": "BTCUSDT", "c": "68123.45000000", "o": "1.50000000", "h": "2.00000000",
        "l": "1.00000000", "v": "10.00000000", "q": "15.00000000",
    }  # fmt: skip


def test_a_symbol_may_be_of_any_script() -> None:
    assert len(decode_trades([trade("币安人生usdt", 1, "1")], NOW_MS).accepted) == 1


json_frames = st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5).map(msgspec.json.encode)


@given(st.lists(st.binary() | json_frames, max_size=5))
@settings(max_examples=50)
def test_whatever_arrives_is_counted_and_nothing_raises(frames: list[bytes]) -> None:
    accepted, refused = decode_trades(frames, NOW_MS)
    assert len(accepted) + refused.total() == len(frames)
    decode_mini_tickers(frames, NOW_MS)
