"""Messages between processes: the real writer's bytes through the real reader, for any values."""

import json
import time
import uuid
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from proto.socket_pb2 import RawBatch
from services.aggregator import documents, events
from services.aggregator.frames import decode_mini_tickers, decode_trades
from services.aggregator.overview import symbols_document
from services.aggregator.prices import Quote, Tick
from services.aggregator.symbols import Directory
from services.authorization.revocations import Revocation
from services.authorization.tokens import AccessTokenIssuer
from services.common.revocations import Bearer, decode_revocation
from services.common.tokens import InvalidTokenError, TokenVerifier
from services.dashboard.market import read_listings, read_quote
from services.exchanges.exchange import TickerFrame, TradeFrame
from services.exchanges.registry import EXCHANGES
from services.kafka_clickhouse.errors import UndecodableError
from services.kafka_clickhouse.messages import TICKER_MESSAGES, TRADE_MESSAGES
from services.market.decimals import plain
from services.market.events import MiniTicker
from services.market.symbols import Listing
from services.profile.live.listing import read_graph
from services.profile.live.prices import decode_price
from tests.contracts.values import NOW_MS, listings, prices, relaxed, sources, symbols, tickers, times_ms, user_ids
from tests.mutations import mutations

KEY = "k" * 32


@relaxed
@given(symbols, prices, times_ms, sources)
def test_second_stat_from_aggregator_to_profile(symbol: str, price: str, event_ms: int, source: str) -> None:
    read = decode_price(documents.second_stat(Quote(symbol, Tick(event_ms, 1, price), None), source))
    assert (read.price, read.event_time_ms, read.source) == (Decimal(price), event_ms, source)


@relaxed
@given(st.data(), symbols, prices, times_ms, sources)
def test_the_price_cache_from_aggregator_to_all_its_readers(
    data: st.DataObject, symbol: str, price: str, event_ms: int, source: str
) -> None:
    day = data.draw(st.none() | tickers(symbol))
    written = documents.last_price(Quote(symbol, Tick(event_ms, 1, price), day), source)
    assert decode_price(written).price == Decimal(price)
    (restored,) = documents.read_last_prices([written], source, NOW_MS)
    assert Decimal(restored.tick.price) == Decimal(price)
    assert (restored.day is None) == (day is None)
    quote = read_quote(written, NOW_MS)
    assert quote is not None
    assert f'"symbol":{json.dumps(symbol, ensure_ascii=False)},"price":{plain(Decimal(price))},'.encode() in quote.head
    opened = "null" if day is None else plain(Decimal(day.open))
    assert f'"open_24h":{opened},'.encode() in quote.tail


@relaxed
@given(st.lists(listings, min_size=1, unique_by=lambda each: each.symbol))
def test_symbols_from_aggregator_to_dashboard(listed: list[Listing]) -> None:
    directory = Directory(())
    directory.replace(listed)
    assert read_listings(symbols_document(directory)) == directory.listings()


@relaxed
@given(st.lists(listings, min_size=1, unique_by=lambda each: each.symbol), prices)
def test_symbols_and_prices_from_aggregator_to_the_graph_of_profile(listed: list[Listing], price: str) -> None:
    directory = Directory(())
    directory.replace(listed)
    last = {
        each.symbol.encode(): documents.last_price(Quote(each.symbol, Tick(NOW_MS, 1, price), None), "binance")
        for each in listed
    }
    graph = read_graph(symbols_document(directory), last)
    for each in listed:
        named = bool(each.base and each.quote)
        assert graph.is_pair(each.symbol) == named
        assert not named or graph.quote(each.symbol, "?") == each.quote
        if named and each.tradable and each.base != each.quote:
            assert len(graph.path(each.base, each.quote) or ()) == 1
            assert graph.reaches(each.quote)


@relaxed
@given(st.lists(tickers(), min_size=1, max_size=5), sources)
def test_mini_tickers_from_aggregator_to_the_etl(sent: list[MiniTicker], source: str) -> None:
    read, bad = TICKER_MESSAGES.decode([message.value for message in events.encode(sent, source, NOW_MS)])
    assert bad == []
    for ticker, message in zip(sent, read, strict=True):
        figures = (ticker.close, ticker.open, ticker.high, ticker.low, ticker.base_volume, ticker.quote_volume)
        assert (message.c, message.o, message.h, message.l, message.v, message.q) == figures
        assert (message.s, message.E, message.src) == (ticker.symbol, ticker.event_ms, source)
        assert Fraction(message.change_price) == Fraction(ticker.close) - Fraction(ticker.open)
        assert plain(Decimal(message.change_percent)) == message.change_percent


@relaxed
@given(st.lists(st.tuples(symbols, prices, times_ms, st.integers(0, 2**63 - 1)), min_size=1, max_size=5), sources)
def test_trades_from_the_exchange_over_the_aggregator_to_the_etl(
    made: list[tuple[str, str, int, int]], source: str
) -> None:
    sent = [
        {"e": "aggTrade", "E": ms, "s": name.upper(), "a": number, "p": price, "q": "0.5", "f": -1, "l": 7, "T": ms}
        | {"m": number % 2 == 0, "M": True}
        for name, price, ms, number in made
    ]
    frames = [json.dumps(trade).encode() for trade in sent]
    decoded = decode_trades(EXCHANGES["binance"], frames, NOW_MS)
    assert decoded.refused == {}
    written = events.tape_messages(decoded.accepted, decoded.payloads, source, NOW_MS)
    read, bad = TRADE_MESSAGES.decode([message.value for message in written])
    assert bad == []
    for trade, message in zip(sent, read, strict=True):
        assert {name: getattr(message, name) for name in "esapqflTmE"} == {name: trade[name] for name in "esapqflTmE"}
        assert (message.receive_time, message.src) == (NOW_MS, source)
    assert [message.key.decode() for message in written] == [trade["s"] for trade in sent]


def is_storable(ticker: MiniTicker) -> bool:
    """Whether all its figures fit Decimal(38, 18); the change in percent of a tiny open may not."""
    (message,) = events.encode([ticker], "binance", NOW_MS)
    try:
        TICKER_MESSAGES.decode_one(message.value)
    except UndecodableError:
        return False
    return True


@relaxed
@given(st.data(), st.lists(tickers().filter(is_storable), min_size=1, max_size=8), sources)
def test_a_batch_is_stored_but_for_what_is_no_message(data: st.DataObject, sent: list[MiniTicker], source: str) -> None:
    """One odd message, of another producer or of none, costs those beside it nothing."""
    ours = [message.value for message in events.encode(sent, source, NOW_MS)]
    victim = data.draw(st.integers(0, len(ours) - 1))
    changed = mutations(msgspec.json.decode(ours[victim])).map(msgspec.json.encode)
    odd = data.draw(st.none() | st.binary() | changed)
    read, bad = TICKER_MESSAGES.decode([*ours[:victim], odd, *ours[victim + 1 :]])
    assert [each.index for each in bad] in ([], [victim])
    beside = read if bad else [*read[:victim], *read[victim + 1 :]]
    assert (beside, []) == TICKER_MESSAGES.decode([*ours[:victim], *ours[victim + 1 :]])


@relaxed
@given(st.lists(tickers(), min_size=1, max_size=8), sources, st.integers(1, 64))
def test_all_messages_of_a_symbol_have_one_partition(sent: list[MiniTicker], source: str, partitions: int) -> None:
    messages = events.encode(sent, source, NOW_MS)
    assert [message.key.decode() for message in messages] == [ticker.symbol for ticker in sent]
    again = DefaultPartitioner()
    everything = list(range(partitions))
    for message in messages:
        assert events.partition_of(message.key, partitions) == again(message.key, everything, everything)


@relaxed
@given(user_ids, st.text(max_size=64), st.uuids())
def test_access_tokens_from_authorization_to_profile(user_id: int, name: str, session: uuid.UUID) -> None:
    before_s = int(time.time())
    token = AccessTokenIssuer({"new": KEY}, "new", 900).issue(user_id, name, session)
    claims = TokenVerifier({"old": "o" * 32, "new": KEY}).verify(token)
    assert (claims.user_id, claims.name, claims.session_id) == (user_id, name, str(session))
    assert claims.issued_at_s is not None
    assert before_s <= claims.issued_at_s == claims.expires_at_s - 900
    with pytest.raises(InvalidTokenError):
        TokenVerifier({"new": "o" * 32}).verify(token)


@relaxed
@given(user_ids, st.none() | st.uuids(), st.integers(0, 2**31))
def test_revocations_from_authorization_to_profile(user_id: int, session: uuid.UUID | None, revoked_s: int) -> None:
    revocation = Revocation(user_id, session, revoked_s)
    read = decode_revocation(revocation.message)
    assert (read.user_id, read.session_id) == (user_id, str(session) if session else None)
    bearer = Bearer(user_id, str(session) if session else "another", revoked_s)
    session_key, user_key = bearer.keys
    assert revocation.key == (session_key if session else user_key)
    value = str(revoked_s).encode()
    assert bearer.is_revoked(value if session else None, None if session else value)
    assert not bearer.is_revoked(None, None)
    assert not Bearer(user_id, "another", revoked_s + 1).is_revoked(None, value), "issued after it"


@relaxed
@given(st.lists(tickers(), min_size=1, max_size=4, unique_by=lambda ticker: ticker.symbol))
def test_mini_tickers_from_socket_to_aggregator(sent: list[MiniTicker]) -> None:
    entries = [{"e": "24hrMiniTicker", **msgspec.to_builtins(ticker)} for ticker in sent]
    frame = EXCHANGES["binance"].parse(json.dumps({"stream": "!miniTicker@arr", "data": entries}).encode())
    assert isinstance(frame, TickerFrame)
    batch = RawBatch.FromString(RawBatch(data=[frame.data]).SerializeToString())
    assert decode_mini_tickers(EXCHANGES["binance"], batch.data, NOW_MS).accepted == sent


@relaxed
@given(symbols, prices, times_ms, st.integers(0, 2**53))
def test_trades_from_socket_to_aggregator(symbol: str, price: str, event_ms: int, trade_id: int) -> None:
    trade = {"e": "aggTrade", "E": event_ms, "s": symbol.upper(), "a": trade_id, "p": price, "q": "1", "T": event_ms}
    frame = EXCHANGES["binance"].parse(json.dumps({"stream": f"{symbol}@aggTrade", "data": trade}).encode())
    assert isinstance(frame, TradeFrame)
    (read,) = decode_trades(EXCHANGES["binance"], [frame.data], NOW_MS).accepted
    assert (read.symbol, read.trade_id, read.price, read.event_ms) == (symbol.upper(), trade_id, price, event_ms)
