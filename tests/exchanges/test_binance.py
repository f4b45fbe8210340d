"""Binance's messages, in and out. Payloads must survive byte for byte."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exchanges.binance.exchange import Binance
from services.exchanges.binance.rows import rows_at
from services.exchanges.errors import InvalidSymbolError, MalformedFrameError, RestError, UnknownFrameError
from services.exchanges.exchange import Ack, Rejected, ServerShutdown, SymbolInfo, TickerFrame, TradeFrame
from tests.mutations import mutations

binance = Binance()

MS = 1_672_515_782_135
TRADE = (
    b'{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.00100000","q":"100.0","f":100,"l":105,'
    b'"T":1672515782135,"m":true,"M":true}'
)


def test_a_trade_is_unwrapped_byte_for_byte() -> None:
    frame = b'{"stream":"bnbbtc@aggTrade","data":' + TRADE + b"}"
    assert binance.parse(frame) == TradeFrame("bnbbtc", 12345, 1672515782135, TRADE)


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda key: key not in {"e", "s", "a", "T", "E"}), st.text() | st.integers(0, 9)
    ),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_a_payload_stays_as_it_was_written_with_any_further_fields(
    extra: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    trade = {**extra, "e": "aggTrade", "s": "X", "a": 7, "T": MS, "E": MS}
    payload = json.dumps(trade, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    event = binance.parse(b'{ "data" : ' + payload + b' , "stream" : "x@aggTrade" }')
    assert event == TradeFrame("x", 7, MS, payload)


@given(st.binary(max_size=200))
def test_no_bytes_can_do_more_than_be_refused(frame: bytes) -> None:
    with pytest.raises((MalformedFrameError, UnknownFrameError)):
        binance.parse(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream":"btcusdt@aggTrade"}',
        b'{"stream":"btcusdt@aggTrade","data":[]}',
        b'{"stream":"btcusdt@aggTrade","data":{"e":"trade","a":1,"T":1}}',
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","a":"1","T":1}}',
        b'{"stream":"!miniTicker@arr","data":{}}',
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","a":1,"T":1672515782135,"E":1672515782135000}}',
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","a":1,"T":1672515782,"E":1672515782135}}',
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","a":1e30,"T":1672515782135,"E":1672515782135}}',
        b'{"stream":1,"data":{}}',
        b'{"stream":"btcusdt@aggTrade","data":' + TRADE,
        b"[" * 100_000,
    ],
)
def test_frames_of_the_wrong_shape_are_malformed(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        binance.parse(frame)


@pytest.mark.parametrize("frame", [b"{}", b'{"e":"news"}', b'{"stream":"btcusdt@depth","data":{"e":"depthUpdate"}}'])
def test_events_without_a_subscription_are_unknown(frame: bytes) -> None:
    with pytest.raises(UnknownFrameError):
        binance.parse(frame)


def test_a_ticker_frame_keeps_its_bytes_and_has_its_times() -> None:
    array = (
        b'[{"e":"24hrMiniTicker","E":1672515782135,"s":"BTCUSDT","c":"1"}, '
        b'{"e":"24hrMiniTicker","E":1672515782136,"s":"\xe5\xb8\x81USDT"}]'
    )
    event = binance.parse(b'{"stream":"!miniTicker@arr","data":' + array + b"}")
    assert event == TickerFrame({"BTCUSDT": MS, "币USDT": MS + 1}, array)


ODD_ENTRIES = [
    b'{"e":"24hrMiniTicker","E":null,"s":"ODDUSDT"}',
    b'{"e":"24hrTicker","E":1672515782135,"s":"ODDUSDT"}',
    b'{"e":"24hrMiniTicker","E":1672515782135,"s":null}',
    b'{"e":"24hrMiniTicker","E":1672515782135000,"s":"ODDUSDT"}',
    b'{"e":"24hrMiniTicker","E":1672515782,"s":"ODDUSDT"}',
    b'{"s":"ODDUSDT"}',
    b'{"e":"24hrMiniTicker","E":1672515782135,"s":"\\ud800USDT"}',
    b'{"e":"24hrMiniTicker","E":NaN,"s":"ODDUSDT"}',
    b'{"e":"24hrMiniTicker","E":1672515782135,"s":"ODD,]}\\""x}',
    b"-Infinity",
    b"7",
    b"null",
    b"[]",
]


@pytest.mark.parametrize("odd", ODD_ENTRIES)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_odd_entry_of_a_ticker_frame_costs_only_itself(odd: bytes, at: int) -> None:
    others = [
        b'{"e":"24hrMiniTicker","E":1672515782135,"s":"BTCUSDT","c":"1.50"}',
        b'{"e":"24hrMiniTicker","E":1672515782135,"s":"ETHUSDT","c":"2.50"}',
    ]
    entries = [*others]
    entries.insert(at, odd)
    event = binance.parse(b'{"stream":"!miniTicker@arr","data":[' + b", ".join(entries) + b"]}")
    assert isinstance(event, TickerFrame)
    assert event.times_ms == {"BTCUSDT": MS, "ETHUSDT": MS}
    assert event.data == b"[" + b",".join(others) + b"]", "each as it came"
    assert event.rejected is not None
    assert (event.rejected.kind, event.rejected.count) == ("ticker", 1)


def test_a_ticker_frame_of_which_nothing_can_be_used_has_a_reason() -> None:
    entry = b'{"e":"24hrMiniTicker","E":1672515782135000,"s":"BTCUSDT"}'
    event = binance.parse(b'{"stream":"!miniTicker@arr","data":[' + entry + b"," + entry + b"]}")
    rejected = Rejected("ticker", "time", "BTCUSDT: an event time of 1672515782135000 ms", 2)
    assert event == TickerFrame({}, b"[]", rejected)


TICKERS = [{"e": "24hrMiniTicker", "E": MS + number, "s": f"S{number}", "c": "1.50"} for number in range(4)]
PAIRS = [{"symbol": f"S{n}", "status": "TRADING", "baseAsset": "S", "quoteAsset": f"{n}"} for n in range(4)]
ROWS = [{"a": n, "p": "1.5", "q": "2", "f": n, "l": n, "T": MS, "m": True, "M": True} for n in range(1, 5)]


def with_one_mutated(data: st.DataObject, entries: list[dict[str, Any]]) -> tuple[int, bytes]:
    """The index of the victim, and all entries as a JSON array."""
    victim = data.draw(st.integers(0, len(entries) - 1))
    mutated: list[Any] = [*entries]
    mutated[victim] = data.draw(mutations(entries[victim]))
    return victim, msgspec.json.encode(mutated)


@given(st.data())
def test_a_change_of_one_ticker_leaves_all_others_unchanged(data: st.DataObject) -> None:
    victim, array = with_one_mutated(data, TICKERS)
    event = binance.parse(b'{"stream":"!miniTicker@arr","data":' + array + b"}")
    assert isinstance(event, TickerFrame)
    others = [msgspec.json.encode(one) for index, one in enumerate(TICKERS) if index != victim]
    sent = [bytes(raw) for raw in msgspec.json.decode(event.data, type=list[msgspec.Raw])]
    assert [raw for raw in sent if raw in others] == others
    assert event.times_ms.keys() >= {one["s"] for index, one in enumerate(TICKERS) if index != victim}


@given(st.data())
def test_a_change_of_one_listed_pair_leaves_all_others_listed(data: st.DataObject) -> None:
    victim, array = with_one_mutated(data, PAIRS)
    listed = binance.parse_symbols(b'{"symbols":' + array + b"}")
    others = binance.parse_symbols(msgspec.json.encode({"symbols": [*PAIRS[:victim], *PAIRS[victim + 1 :]]}))
    assert [info for info in listed if info in others] == others


@given(st.data())
def test_a_change_of_one_row_of_past_trades_leaves_all_others_unchanged(data: st.DataObject) -> None:
    victim, array = with_one_mutated(data, ROWS)
    trades = binance.parse_trades("btcusdt", array)
    others = binance.parse_trades("btcusdt", msgspec.json.encode([*ROWS[:victim], *ROWS[victim + 1 :]]))
    assert [trade for trade in trades if trade in others] == others


@pytest.mark.parametrize(
    ("frame", "ack"),
    [
        (b'{"result":null,"id":3}', Ack(3, None)),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":3}', Ack(3, "2 Invalid request")),
        (b'{"error":{"code":3,"msg":"Invalid JSON"},"id":null}', Ack(None, "3 Invalid JSON")),
        (b'{"code":2,"msg":"Invalid request"}', Ack(None, "2 Invalid request")),
        (b'{"result":null,"id":"3"}', Ack(3, None)),
        (b'{"error":"Invalid request","id":"3"}', Ack(3, "Invalid request")),
        (b'{"error":{"code":"2","msg":null},"id":3}', Ack(3, "2 None")),
        (b'{"code":2,"msg":null,"id":"' + b"9" * 5_000 + b'"}', Ack(None, "2 None")),
    ],
)
def test_answers_to_control_messages(frame: bytes, ack: Ack) -> None:
    assert binance.parse(frame) == ack


@pytest.mark.parametrize(
    "frame",
    [
        b'{"e":"serverShutdown","E":1}',
        b'{"event":{"e":"serverShutdown","E":1}}',
        b'{"stream":"any","data":{"e":"serverShutdown","E":1}}',
    ],
)
def test_an_announced_shutdown_is_understood_in_every_documented_form(frame: bytes) -> None:
    assert binance.parse(frame) == ServerShutdown()


def test_control_messages() -> None:
    assert json.loads(binance.subscribe(1, ["btcusdt", "币安usdt"])) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@aggTrade", "币安usdt@aggTrade"],
        "id": 1,
    }
    assert json.loads(binance.unsubscribe(2, ["btcusdt"]))["method"] == "UNSUBSCRIBE"


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), max_size=50))
def test_the_size_of_a_control_message_is_known_before_it_is_made(symbols: list[str]) -> None:
    size_bytes = len(binance.subscribe(9, symbols))
    assert size_bytes <= len(binance.subscribe(9, [])) + sum(map(binance.stream_bytes, symbols))


@pytest.mark.parametrize("text", ["", "btc usdt", "btc/usdt", "btcusdt@aggTrade", "btc\nusdt", "b" * 51, '"'])
def test_what_cannot_be_a_symbol(text: str) -> None:
    with pytest.raises(InvalidSymbolError):
        binance.normalize_symbol(text)


@pytest.mark.parametrize(
    ("text", "symbol"), [("BTCUSDT", "btcusdt"), ("1INCHbtc", "1inchbtc"), ("币安人生USDT", "币安人生usdt")]
)
def test_symbols_are_lower_case_in_any_script(text: str, symbol: str) -> None:
    assert binance.normalize_symbol(text) == symbol


def test_a_past_trade_becomes_the_frame_its_stream_would_have_sent() -> None:
    rows = b'[{"a":12345,"p":"0.00100000","q":"100.0","f":100,"l":105,"T":1672515782136,"m":true,"M":true}]'
    [frame] = binance.parse_trades("bnbbtc", rows)
    assert frame.data == TRADE.replace(b"1672515782135", b"1672515782136")
    assert (frame.symbol, frame.trade_id, frame.time_ms) == ("bnbbtc", 12345, 1672515782136)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"symbols":[]}'])
def test_rest_answers_of_the_wrong_shape_are_refused(body: bytes) -> None:
    with pytest.raises(RestError):
        binance.parse_trades("btcusdt", body)
    with pytest.raises(RestError):
        binance.parse_symbols(body)


@pytest.mark.recorded
def test_a_recorded_ticker_frame_is_understood() -> None:
    folder = os.environ.get("RECORDED_DATA_DIR")
    if not folder:
        pytest.skip("RECORDED_DATA_DIR is not set")
    array = (Path(folder) / "miniTicker_arr_1592594715455_26sym.json").read_bytes().strip()
    event = binance.parse(b'{"stream":"!miniTicker@arr","data":' + array + b"}")
    assert isinstance(event, TickerFrame)
    assert event.data == array
    assert event.times_ms == {ticker["s"]: ticker["E"] for ticker in json.loads(array)}
    assert len(event.times_ms) == 26


ODD_PARTS: list[dict[str, Any]] = [
    {"baseAsset": None},
    {"quoteAsset": 7},
    {"quoteAsset": ""},
    {"baseAsset": "B" * 41},
    {"baseAsset": "a b"},
    {"quoteAsset": "usdt"},
    {"baseAsset": "USDT"},
    {"baseAsset": "<b>"},
]


@pytest.mark.parametrize("odd", ODD_PARTS, ids=str)
def test_a_pair_with_odd_assets_is_listed_without_them(odd: dict[str, Any]) -> None:
    pair = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    [listed] = binance.parse_symbols(msgspec.json.encode({"symbols": [{**pair, **odd}]}))
    assert listed == SymbolInfo("btcusdt", "", "", "TRADING")


@pytest.mark.parametrize("status", [None, 7, "S" * 5_000, ["TRADING"]], ids=lambda status: str(status)[:9])
def test_a_pair_with_an_odd_status_is_listed_without_it(status: object) -> None:
    pair = {"symbol": "BTCUSDT", "status": status, "baseAsset": "BTC", "quoteAsset": "USDT"}
    [listed] = binance.parse_symbols(msgspec.json.encode({"symbols": [pair]}))
    assert listed == SymbolInfo("btcusdt", "BTC", "USDT", "")


@pytest.mark.parametrize("odd_first", [True, False])
def test_of_two_rows_of_a_pair_the_first_whole_one_counts(odd_first: bool) -> None:
    whole = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    rows = [{"symbol": "btcusdt"}, whole] if odd_first else [whole, {"symbol": "btcusdt"}]
    listed = binance.parse_symbols(msgspec.json.encode({"symbols": [*rows, {**whole, "status": "BREAK"}]}))
    assert listed == [SymbolInfo("btcusdt", "BTC", "USDT", "TRADING")]


@pytest.mark.parametrize("made_ms", [MS - 3 * 86_400_000, MS + 3 * 86_400_000, 1_230_768_000_000])
def test_a_trade_that_was_sent_days_before_or_after_it_was_made_is_rejected(made_ms: int) -> None:
    odd = b'{"stream":"bnbbtc@aggTrade","data":' + TRADE.replace(b'"T":1672515782135', b'"T":%d' % made_ms) + b"}"
    with pytest.raises(MalformedFrameError) as rejected:
        binance.parse(odd)
    assert (rejected.value.kind, rejected.value.reason) == ("trade", "time")


@pytest.mark.parametrize("used", ["9" * 5_000, "-1", "1e3", ""])
def test_a_count_of_weight_that_is_none_counts_for_nothing(used: str) -> None:
    assert binance.used_weight({"X-MBX-USED-WEIGHT-1M": used}) == 0


NO_JSON = [b"NaN", b'{"symbol":"\\ud800"}', b'{"symbol":"\\udc00","a":1}', b'[1e,"]"]', b'{"a":1}x', b"", b"01"]


@pytest.mark.parametrize("odd", NO_JSON)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_row_that_is_no_json_costs_only_itself(odd: bytes, at: int) -> None:
    def beside(rows: list[dict[str, Any]]) -> bytes:
        texts = [msgspec.json.encode(row) for row in rows]
        return b"[" + b" ,".join([*texts[:at], odd, *texts[at:]]) + b"]"

    assert len(binance.parse_symbols(b'{"timezone":"UTC","symbols":' + beside(PAIRS[:2]) + b',"x":1}')) == 2
    assert [trade.trade_id for trade in binance.parse_trades("btcusdt", beside(ROWS[:2]))] == [1, 2]
    event = binance.parse(b'{"stream":"!miniTicker@arr","data":' + beside(TICKERS[:2]) + b"}")
    assert isinstance(event, TickerFrame)
    assert event.data == b"[" + b",".join(msgspec.json.encode(one) for one in TICKERS[:2]) + b"]"
    assert event.rejected is not None
    rejected: list[bytes] = []
    kline = [MS, "1", "2", "1", "2", "5", MS, "5", 1]
    klines = b"[" + b",".join([msgspec.json.encode(kline), odd]) + b"]"
    assert len(binance.parse_klines(klines, lambda row, _: rejected.append(row))) == 1
    assert rejected == [odd]


@pytest.mark.parametrize("cut", [b"[NaN", b"[NaN,{]", b'[NaN,"]', b"[NaN]]", b"[NaN],", b"NaN"])
def test_an_array_that_is_cut_off_or_goes_on_has_no_rows(cut: bytes) -> None:
    with pytest.raises(RestError):
        binance.parse_trades("btcusdt", cut)
    with pytest.raises(MalformedFrameError):
        binance.parse(b'{"stream":"!miniTicker@arr","data":' + cut)


@given(st.lists(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=4), max_size=5))
def test_rows_found_by_their_brackets_are_those_of_a_parser(rows: list[Any]) -> None:
    array = json.dumps(rows, ensure_ascii=False).encode(errors="surrogatepass")
    assert [json.loads(row) for row in rows_at(array, 0)[0]] == json.loads(array)


def test_a_trade_of_another_symbol_than_its_streams_is_rejected() -> None:
    with pytest.raises(MalformedFrameError, match="btcusdt: a trade of BNBBTC") as rejected:
        binance.parse(b'{"stream":"btcusdt@aggTrade","data":' + TRADE + b"}")
    assert rejected.value.kind == "trade"
