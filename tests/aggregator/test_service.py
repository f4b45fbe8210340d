"""The whole service, between a scripted socket and a real Redis."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from services.aggregator import followers
from services.aggregator.intake import wall_clock_ms
from services.exchanges.binance.exchange import Binance
from services.exchanges.registry import EXCHANGES
from services.market.events import AggTrade, MiniTicker
from tests.aggregator.conftest import Running, Subscriber, metric, running
from tests.aggregator.socket_peer import START_MS, SocketPeer, ticker, ticker_frame, trade
from tests.processes import until


async def follow(aggregator: Running, *symbols: str) -> None:
    """Follow by lease, and wait until the peer streams them."""
    answer = await aggregator.http.put("/followers/1", json={"symbols": symbols})
    assert answer.status_code == 200, answer.text
    await until(lambda: aggregator.peer.interest == set(symbols), what="the trades are streamed")


async def test_a_subscriber_sees_the_exact_bytes(aggregator: Running) -> None:
    async with Subscriber(aggregator.redis) as subscriber:
        aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "68123.45000000", START_MS + 123)))
        heard = await subscriber.until_heard(1)
    assert heard == [("btcusdt", b'{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance"}')]
    assert await aggregator.redis.hgetall("market:last") == {
        b"btcusdt": b'{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance","o":1.5,"h":2,"l":1,"v":10,"q":15}'
    }
    assert await aggregator.redis.get("market:source") == b"binance"


async def test_prices_are_read_as_the_chosen_exchange_writes_them(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Binance):
        """Writes a line of text for a trade, and for all mini-tickers one."""

        @staticmethod
        def decode_trade(frame: Any) -> AggTrade:
            symbol, price = frame.decode().split()
            return AggTrade(START_MS + 1, symbol, 1, price)

        @staticmethod
        def decode_tickers(frame: bytes, reject: Callable[[bytes, str], None]) -> list[MiniTicker]:
            symbol, price = frame.decode().split()
            return [MiniTicker(START_MS, symbol, price, "1", "1", "1", "1", "1")]

    monkeypatch.setitem(EXCHANGES, "elsewhere", Elsewhere())
    async with SocketPeer() as peer, running(peer, redis_url, exchange="elsewhere") as aggregator:
        await aggregator.until_ready_to_follow()
        await aggregator.until_streaming()
        await follow(aggregator, "ethusdt")
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(b"BTCUSDT 1.5")
            peer.emit_trades("ethusdt", b"ETHUSDT 2.5")
            heard = await subscriber.until_heard(2)
    assert {channel: json.loads(message)["p"] for channel, message in heard} == {"btcusdt": 1.5, "ethusdt": 2.5}


async def test_reordered_and_repeated_trades_end_at_the_newest(aggregator: Running) -> None:
    await follow(aggregator, "btcusdt", "ethusdt")
    frames = [trade("btcusdt", number, f"0.0000000{number}", START_MS + number // 2) for number in (3, 5, 4, 5, 1, 3)]
    newest = {
        "btcusdt": b'{"s":"btcusdt","p":0.00000005,"t":1767225600002,"src":"binance"}',
        "ethusdt": b'{"s":"ethusdt","p":9,"t":1767225601000,"src":"binance"}',
    }
    async with Subscriber(aggregator.redis) as subscriber:
        aggregator.peer.emit_trades("btcusdt", *frames)
        aggregator.peer.emit_trades("ethusdt", trade("ethusdt", 1, "9", START_MS + 1_000))
        while dict(subscriber.heard) != newest:  # a tick may have come between two trades
            await subscriber.until_heard(len(subscriber.heard) + 1)
    times = [json.loads(message)["t"] for channel, message in subscriber.heard if channel == "btcusdt"]
    assert times == sorted(times)


async def test_a_tick_larger_than_a_batch_is_published_whole(
    aggregator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.aggregator.publisher.BATCH_QUOTES", 2)
    names = [f"sym{number}usdt" for number in range(5)]
    async with Subscriber(aggregator.redis) as subscriber:
        aggregator.peer.emit_tickers(ticker_frame(*(ticker(name, "1") for name in names)))
        heard = await subscriber.until_heard(5)
    assert sorted(channel for channel, _ in heard) == names


async def test_bad_entries_are_counted_and_cost_only_themselves(aggregator: Running) -> None:
    before = metric("aggregator_refused_total", stream="mini_tickers", reason="malformed")
    async with Subscriber(aggregator.redis) as subscriber:
        aggregator.peer.emit_tickers(b"{", ticker_frame({"s": "X"}, ticker("btcusdt", "1"), ticker("ethusdt", "0")))
        heard = await subscriber.until_heard(1)
    assert [channel for channel, _ in heard] == ["btcusdt"]
    assert metric("aggregator_refused_total", stream="mini_tickers", reason="malformed") == before + 2
    assert metric("aggregator_refused_total", stream="mini_tickers", reason="price") >= 1


async def test_a_lease_that_is_not_renewed_ends_the_stream(
    aggregator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aggregator.http.get("/coin", params={"symbol": "bnbbtc", "id": "2"})
    monkeypatch.setattr(followers, "LEASE_S", 0.0)
    await aggregator.http.put("/followers/1", json={"symbols": ["btcusdt"]})
    await until(lambda: {"btcusdt", "bnbbtc"} in aggregator.peer.interests)
    await until(lambda: aggregator.peer.interest == {"bnbbtc"}, what="only the unrenewed lease ended")


async def test_readiness_follows_the_mini_tickers(aggregator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await aggregator.life.health.problems() == {"socket": "no mini-ticker accepted yet"}, (
        "open, but nothing has come"
    )
    aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
    await until_no_problems(aggregator)
    monkeypatch.setattr("services.aggregator.ticker_feed.FRESH_S", 0.0)
    problem = (await aggregator.life.health.problems())["socket"]
    assert re.fullmatch(r"no mini-ticker accepted for \d+ s", problem), "open, but silent for too long"


async def test_frames_of_which_nothing_is_accepted_make_no_readiness(aggregator: Running) -> None:
    refused = metric("aggregator_refused_total", stream="mini_tickers", reason="future")
    ahead_ms = wall_clock_ms() + 600_000
    aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "1", ahead_ms)))
    await until(lambda: metric("aggregator_refused_total", stream="mini_tickers", reason="future") > refused)
    cause = "no mini-ticker accepted yet: event times are ahead of this machine's clock"
    assert await aggregator.life.health.problems() == {"socket": cause}
    streams = (await aggregator.http.get("/coins")).json()["streams"]
    assert streams["mini_tickers"]["silence_s"] is not None, "what is refused was heard all the same"
    aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
    await until_no_problems(aggregator)


async def until_no_problems(aggregator: Running) -> None:
    async def ready() -> bool:
        return await aggregator.life.health.problems() == {}

    await until(ready, what="readiness")


async def test_another_source_empties_the_cache(aggregator: Running) -> None:
    async with Subscriber(aggregator.redis) as subscriber:
        frame = ticker_frame(ticker("btcusdt", "1", START_MS + 9_000), ticker("ethusdt", "2", START_MS + 9_000))
        aggregator.peer.emit_tickers(frame)
        await subscriber.until_heard(2)
        await aggregator.peer.stop()
        aggregator.peer.source, aggregator.peer.symbols = "simulator", None
        await aggregator.peer.start()
        await aggregator.until_streaming()
        aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "3", START_MS)))
        heard = await subscriber.until_heard(3)
    assert heard[2] == ("btcusdt", b'{"s":"btcusdt","p":3,"t":1767225600000,"src":"simulator"}'), "an older time, too"
    assert await aggregator.redis.get("market:source") == b"simulator"
    cached = await aggregator.redis.hgetall("market:last")
    assert {name: json.loads(value)["src"] for name, value in cached.items()} == {b"btcusdt": "simulator"}
    old = await aggregator.http.get("/coin", params={"symbol": "ethusdt", "id": "1"})
    assert (old.status_code, old.json()["code"]) == (503, "symbols_unknown"), "the old exchange's symbols are forgotten"
    aggregator.peer.symbols = ["btcusdt"]

    async def knows_the_new_symbols() -> bool:
        answer = await aggregator.http.get("/coin", params={"symbol": "ethusdt", "id": "1"})
        return answer.status_code == 404

    await until(knows_the_new_symbols)


async def test_a_cache_of_another_source_is_emptied_at_the_start(peer: SocketPeer, redis_url: str) -> None:
    async with Redis.from_url(redis_url, protocol=2) as redis:
        await redis.set("market:source", "simulator")
        await redis.hset("market:last", "old", b'{"s":"old","p":1,"t":5,"src":"simulator"}')
    async with running(peer, redis_url) as aggregator:
        await aggregator.until_streaming()

        async def taken_over() -> bool:
            return await aggregator.redis.get("market:source") == b"binance"

        await until(taken_over)
        assert await aggregator.redis.hgetall("market:last") == {}


async def test_a_lost_peer_is_no_other_source(redis_url: str) -> None:
    """Calls that fail have no x-source; that must not read as "binance" and empty everything."""
    async with SocketPeer(source="simulator") as peer, running(peer, redis_url) as aggregator:
        await aggregator.until_streaming()
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
            await subscriber.until_heard(1)
        refused = metric("aggregator_stream_reconnects_total", stream="mini_tickers", reason="unavailable")
        await peer.stop()
        await until(
            lambda: (
                metric("aggregator_stream_reconnects_total", stream="mini_tickers", reason="unavailable") > refused + 1
            )
        )
        shown = (await aggregator.http.get("/coins")).json()
        assert (shown["source"], list(shown["prices"])) == ("simulator", ["btcusdt"])


async def test_a_peer_that_names_no_source_is_binance(redis_url: str) -> None:
    async with SocketPeer(source=None) as peer, running(peer, redis_url) as aggregator:
        await aggregator.until_streaming()
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
            heard = await subscriber.until_heard(1)
    assert heard == [("btcusdt", b'{"s":"btcusdt","p":1,"t":1767225600000,"src":"binance"}')]


async def test_the_original_is_understood_without_the_additions(redis_url: str) -> None:
    async with SocketPeer(twin=True) as peer, running(peer, redis_url) as aggregator:
        await aggregator.until_streaming()
        unknown = await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "1"})
        assert unknown.json()["code"] == "symbols_unknown"
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "2")))
            heard = await subscriber.until_heard(2)
            assert sorted(heard)[0] == ("btcusdt", b'{"s":"btcusdt","p":1,"t":1767225600000,"src":"binance"}')
            await follow(aggregator, "btcusdt", "ethusdt")
            await follow(aggregator, "btcusdt")
            peer.emit_trades("btcusdt", trade("btcusdt", 1, "1.5", START_MS + 3_000))
            heard = await subscriber.until_heard(3)
        assert heard[2] == ("btcusdt", b'{"s":"btcusdt","p":1.5,"t":1767225603000,"src":"binance"}')
        refused = await aggregator.http.get("/coin", params={"symbol": "btcusd", "id": "1"})
        assert refused.json()["near"] == ["btcusdt"]
        symbols = (await aggregator.http.get("/symbols")).json()["symbols"]
        assert symbols[0] == {"symbol": "btcusdt", "base": "", "quote": "", "status": ""}


async def test_the_original_may_be_replaced_by_ours_and_back(redis_url: str) -> None:
    async with SocketPeer(twin=True) as peer, running(peer, redis_url) as aggregator:
        await aggregator.until_streaming()
        peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
        await aggregator.until_ready_to_follow()
        await follow(aggregator, "btcusdt")
        for twin in (False, True):
            await peer.stop()
            peer.twin = twin
            await peer.start()
            await until(lambda: peer.interest == {"btcusdt"}, what=f"trades with twin={twin}")
            await aggregator.until_streaming()
            batched = [s["batched"] for s in (await aggregator.http.get("/coins")).json()["streams"].values()]
            assert batched == [not twin, not twin]
        assert frozenset({"btcusdt"}) in peer.interests
