"""Messages between processes: the real writer's bytes through the real reader, for any values."""

import json
import uuid
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proto.socket_pb2 import RawBatch
from services.aggregator import documents, events
from services.aggregator.frames import decode_mini_tickers, decode_trades
from services.aggregator.overview import symbols_document
from services.aggregator.prices import Quote, Tick
from services.aggregator.symbols import Directory
from services.authorization.revocations import Revocation
from services.common.revocations import Bearer, decode_revocation
from services.dashboard.market import read_listings, read_quote
from services.exchanges.exchange import TickerFrame, TradeFrame
from services.exchanges.registry import EXCHANGES
from services.kafka_clickhouse.messages import decode
from services.market.decimals import plain
from services.market.events import MiniTicker
from services.market.symbols import Listing, normal_symbol
from services.profile.live.prices import decode_price

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
"""No assertion depends on the speed of the machine."""

NOW_MS = 1_767_225_600_000

symbols = st.from_regex(r"[\w.-]{1,20}", fullmatch=True).filter(lambda text: normal_symbol(text) == text)
decimals = st.decimals(0, Decimal("99999999999999999999"), places=18).map(lambda number: format(number, "f"))
prices = decimals.filter(lambda text: Decimal(text) > 0)
times_ms = st.integers(NOW_MS - 86_400_000, NOW_MS)
sources = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,31}", fullmatch=True)
words = st.text(max_size=8)


@st.composite
def tickers(draw: st.DrawFn, symbol: str = "") -> MiniTicker:
    name = symbol or draw(symbols)
    figures = (draw(decimals) for _ in range(5))
    return MiniTicker(draw(times_ms), name.upper(), draw(prices), *figures)


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
@given(
    st.lists(st.builds(Listing, symbols, *[st.text(max_size=8)] * 3), min_size=1, unique_by=lambda each: each.symbol)
)
def test_symbols_from_aggregator_to_dashboard(listings: list[Listing]) -> None:
    directory = Directory(())
    directory.replace(listings)
    assert read_listings(symbols_document(directory)) == directory.listings()


@relaxed
@given(st.lists(tickers(), min_size=1, max_size=5), sources)
def test_mini_tickers_from_aggregator_to_the_etl(sent: list[MiniTicker], source: str) -> None:
    read, bad = decode([message.value for message in events.encode(sent, source, NOW_MS)])
    assert bad == []
    for ticker, message in zip(sent, read, strict=True):
        figures = (ticker.close, ticker.open, ticker.high, ticker.low, ticker.base_volume, ticker.quote_volume)
        assert (message.c, message.o, message.h, message.l, message.v, message.q) == figures
        assert (message.s, message.E, message.src) == (ticker.symbol, ticker.event_ms, source)
        assert Fraction(message.change_price) == Fraction(ticker.close) - Fraction(ticker.open)
        assert plain(Decimal(message.change_percent)) == message.change_percent


@relaxed
@given(st.integers(1, 2**63 - 1), st.none() | st.uuids(), st.integers(0, 2**31))
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
