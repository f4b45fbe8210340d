"""Decoding: what is accepted, what is refused and under which name."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.frames import decode_mini_tickers, decode_trades
from tests.aggregator.socket_peer import BINANCE, START_MS, ticker, ticker_frame, trade
from tests.mutations import mutations

NOW_MS = START_MS + 5_000
DAY_MS = 86_400_000

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
    decoded = decode_trades(BINANCE, [good, frame, good], NOW_MS)
    assert [t.price for t in decoded.accepted] == ["1.5", "1.5"]
    assert decoded.refused == {"malformed": 1}


NO_DECIMALS = ["", ".", "1.", ".5", "+1", "1e5", "NaN", "Infinity", "0x1", "01", "1,5", "٣", " 1", "--1", "1" * 21]


@pytest.mark.parametrize("price", [*NO_DECIMALS, "0." + "1" * 19])
def test_a_price_that_is_no_plain_decimal_is_malformed(price: str) -> None:
    assert decode_trades(BINANCE, [trade("btcusdt", 1, price)], NOW_MS).refused == {"malformed": 1}


@pytest.mark.parametrize("price", ["0", "0.00000000", "-1", "-0.1"])
def test_a_price_must_be_above_zero(price: str) -> None:
    assert decode_trades(BINANCE, [trade("btcusdt", 1, price)], NOW_MS).refused == {"price": 1}
    assert decode_mini_tickers(BINANCE, [ticker_frame(ticker("btcusdt", price))], NOW_MS).refused == {"price": 1}


def test_an_event_later_than_can_be_is_refused_and_one_at_the_bound_is_not() -> None:
    frames = [trade("btcusdt", 1, "1", NOW_MS), trade("btcusdt", 2, "1", NOW_MS + 1)]
    decoded = decode_trades(BINANCE, frames, NOW_MS)
    assert ([t.trade_id for t in decoded.accepted], decoded.refused) == ([1], {"future": 1})
    assert decoded.typical_ms == NOW_MS + 1, "what is in the future shows the exchange's clock too"


@pytest.mark.parametrize("event_ms", [START_MS // 1_000, START_MS * 1_000, 1, 2**53 - 1])
def test_an_event_time_that_is_none_in_ms_is_refused_and_shows_nothing(event_ms: int) -> None:
    decoded = decode_mini_tickers(BINANCE, [ticker_frame(ticker("btcusdt", "1", event_ms))], NOW_MS)
    assert (decoded.accepted, decoded.refused, decoded.typical_ms) == ([], {"time": 1}, None)
    assert decoded.examples == {"time": "BTCUSDT"}


@pytest.mark.parametrize("old_ms", [1_230_768_000_000, START_MS - 3 * DAY_MS])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_entry_days_behind_the_others_is_refused(old_ms: int, at: int) -> None:
    entries = [ticker("btcusdt", "1"), ticker("ethusdt", "2")]
    entries.insert(at, ticker("oldusdt", "3", old_ms))
    decoded = decode_mini_tickers(BINANCE, [ticker_frame(*entries)], NOW_MS)
    assert [t.symbol for t in decoded.accepted] == ["BTCUSDT", "ETHUSDT"]
    assert (decoded.refused, decoded.examples) == ({"past": 1}, {"past": "OLDUSDT"})


@pytest.mark.parametrize("old_ms", [1_230_768_000_000, START_MS - 3 * DAY_MS])
def test_a_trade_days_behind_the_market_is_refused(old_ms: int) -> None:
    frames = [trade("btcusdt", 1, "1"), trade("btcusdt", 2, "2", old_ms), trade("btcusdt", 3, "3")]
    decoded = decode_trades(BINANCE, frames, NOW_MS, START_MS)
    assert ([t.trade_id for t in decoded.accepted], decoded.refused) == ([1, 3], {"past": 1})
    assert decoded.payloads == [frames[0], frames[2]]
    assert len(decode_trades(BINANCE, frames, NOW_MS).accepted) == 3, "before a mini-ticker has shown what time it is"


def test_a_market_of_another_time_is_accepted_as_a_whole() -> None:
    entries = [ticker(symbol, "1", START_MS - 400 * DAY_MS + number) for number, symbol in enumerate(["a", "b", "c"])]
    assert len(decode_mini_tickers(BINANCE, [ticker_frame(*entries)], NOW_MS).accepted) == 3


def test_a_bad_entry_of_a_mini_ticker_frame_leaves_the_others() -> None:
    bad_volume = ticker("bad", "1") | {"v": "-"}
    entries = [ticker("btcusdt", "1"), {"s": "X"}, None, bad_volume, ticker("bnbbtc", "0"), ticker("ethusdt", "2")]
    decoded = decode_mini_tickers(BINANCE, [ticker_frame(*entries)], NOW_MS)
    assert [t.symbol for t in decoded.accepted] == ["BTCUSDT", "ETHUSDT"]
    assert decoded.refused == {"malformed": 3, "price": 1}
    assert decoded.examples == {"malformed": '{"s":"X"}', "price": "BNBBTC"}


@given(st.data())
def test_a_change_of_one_entry_leaves_all_others_unchanged(data: st.DataObject) -> None:
    entries = [ticker(symbol, f"{number}.50000000") for number, symbol in enumerate(("a", "b", "c", "d"), 1)]
    whole = decode_mini_tickers(BINANCE, [ticker_frame(*entries)], NOW_MS).accepted
    victim = data.draw(st.integers(0, 3))
    mutated = [*entries]
    mutated[victim] = data.draw(mutations(entries[victim]))
    accepted = decode_mini_tickers(BINANCE, [ticker_frame(*mutated)], NOW_MS).accepted
    others = [one for index, one in enumerate(whole) if index != victim]
    assert [one for one in accepted if one in others] == others


@given(st.data())
def test_a_change_of_one_trade_of_a_batch_leaves_all_others_unchanged(data: st.DataObject) -> None:
    frames = [trade("btcusdt", number, "1.5") for number in range(1, 5)]
    whole = decode_trades(BINANCE, frames, NOW_MS).accepted
    victim = data.draw(st.integers(0, 3))
    mutated = [*frames]
    mutated[victim] = data.draw(st.binary() | mutations(msgspec.json.decode(frames[victim])).map(msgspec.json.encode))
    accepted = decode_trades(BINANCE, mutated, NOW_MS).accepted
    others = [one for index, one in enumerate(whole) if index != victim]
    assert [one for one in accepted if one in others] == others


def test_a_mini_ticker_frame_that_is_no_array_counts_once() -> None:
    frames = [b"{}", b"[{", b"\xff", ticker_frame(ticker("btcusdt", "1"))]
    decoded = decode_mini_tickers(BINANCE, frames, NOW_MS)
    assert (len(decoded.accepted), decoded.refused) == (1, {"malformed": 3})


def test_the_exchanges_own_texts_stay_available() -> None:
    accepted = decode_mini_tickers(BINANCE, [ticker_frame(ticker("btcusdt", "68123.45000000"))], NOW_MS).accepted
    assert msgspec.to_builtins(accepted[0]) == {
        "E": START_MS, "s": "BTCUSDT", "c": "68123.45000000", "o": "1.50000000", "h": "2.00000000",
        "l": "1.00000000", "v": "10.00000000", "q": "15.00000000",
    }  # fmt: skip


def test_a_symbol_may_be_of_any_script() -> None:
    assert len(decode_trades(BINANCE, [trade("币安人生usdt", 1, "1")], NOW_MS).accepted) == 1


json_frames = st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5).map(msgspec.json.encode)


@given(st.lists(st.binary() | json_frames, max_size=5))
@settings(max_examples=50)
def test_everything_that_arrives_is_counted_and_nothing_raises(frames: list[bytes]) -> None:
    decoded = decode_trades(BINANCE, frames, NOW_MS)
    assert len(decoded.accepted) + decoded.refused.total() == len(frames)
    decode_mini_tickers(BINANCE, frames, NOW_MS)
