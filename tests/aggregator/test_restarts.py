"""Restarts, freezes and ends of the aggregator or of anything around it: recovery needs no help."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx
import pytest
from redis.asyncio import Redis

from deploy.local import redis as redis_server
from services.common.http import listen
from tests.aggregator.conftest import Running, Subscriber, metric, running
from tests.aggregator.socket_peer import START_MS, SocketPeer, ticker, ticker_frame, trade
from tests.conftest import RunningRedis
from tests.processes import Process, free_port, service, until, until_ready


async def cached_prices(redis: Redis) -> dict[bytes, float]:
    cached = cast("dict[bytes, bytes]", await redis.hgetall("market:last"))
    return {name: json.loads(value)["p"] for name, value in cached.items()}


async def test_after_a_redis_restart_the_cache_is_whole_again(peer: SocketPeer, own_redis: RunningRedis) -> None:
    async with running(peer, own_redis.url) as aggregator:
        await aggregator.until_ready_to_follow()
        await aggregator.until_streaming()
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "2")))
            await subscriber.until_heard(2)
        await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "1"})
        own_redis.process.kill()
        for file in [*own_redis.server.data_dir.rglob("*.aof*"), *own_redis.server.data_dir.rglob("*.rdb")]:
            if file.is_file():
                file.unlink()
        refused = await aggregator.http.get("/coin", params={"symbol": "ethusdt", "id": "1"})
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        unconfirmed = await aggregator.http.delete("/coin", params={"symbol": "btcusdt", "id": "1"})
        assert unconfirmed.status_code == 503, "an end that is not stored is not confirmed"
        leased = await aggregator.http.put("/followers/2", json={"symbols": ["bnbbtc"]})
        assert leased.status_code == 200, "leases need no Redis"
        await until(lambda: peer.interest == {"btcusdt", "bnbbtc"})
        peer.emit_tickers(ticker_frame(ticker("btcusdt", "3", START_MS + 1_000)))
        peer.emit_tickers(ticker_frame(ticker("btcusdt", "4", START_MS + 2_000)))
        assert "redis" in await aggregator.life.health.problems()
        own_redis.process.start()
        await redis_server.wait_until_ready(own_redis.server)

        async def whole() -> bool:
            return await cached_prices(aggregator.redis) == {b"btcusdt": 4, b"ethusdt": 2}

        await until(whole, what="quiet symbols are in the cache again, and the newest price won")
        assert await aggregator.redis.get("market:source") == b"binance"
        assert await aggregator.redis.smembers("market:follows") == {b"1:btcusdt"}


@pytest.mark.parametrize("loss", ["emptied", "restarted without the last writes"])
async def test_a_cache_that_lost_prices_is_made_whole(peer: SocketPeer, own_redis: RunningRedis, loss: str) -> None:
    """No call needs to fail for it: the client connects again in silence."""
    async with running(peer, own_redis.url) as aggregator:
        await aggregator.until_streaming()
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1"), ticker("ethusdt", "2")))
            await subscriber.until_heard(2)
        if loss == "emptied":
            await aggregator.redis.flushall()
        else:
            await aggregator.redis.hdel("market:last", "btcusdt")
            own_redis.process.stop()
            own_redis.process.start()
            await redis_server.wait_until_ready(own_redis.server)

        async def whole() -> bool:
            return await cached_prices(aggregator.redis) == {b"btcusdt": 1, b"ethusdt": 2}

        await until(whole, what="the cache is written again")


async def test_redis_may_be_absent_at_the_start(peer: SocketPeer, own_redis: RunningRedis) -> None:
    async with Redis.from_url(own_redis.url, protocol=2) as redis:
        await redis.sadd("market:follows", "5:btcusdt")
    own_redis.process.stop()
    async with running(peer, own_redis.url) as aggregator:
        await aggregator.until_ready_to_follow()
        await aggregator.until_streaming()
        peer.emit_tickers(ticker_frame(ticker("ethusdt", "2")))
        refused = await aggregator.http.get("/coin", params={"symbol": "ethusdt", "id": "1"})
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert peer.interest == frozenset(), "what is not stored is not followed"
        own_redis.process.start()
        await until(lambda: peer.interest == {"btcusdt"}, what="the stored follow is read")

        async def published() -> bool:
            return await cached_prices(aggregator.redis) == {b"ethusdt": 2}

        await until(published)


async def test_a_frozen_redis_skips_ticks_and_keeps_the_newest(peer: SocketPeer, own_redis: RunningRedis) -> None:
    async with running(peer, own_redis.url) as aggregator:
        await aggregator.until_streaming()
        async with Subscriber(aggregator.redis) as subscriber:
            peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
            await subscriber.until_heard(1)
            own_redis.process.freeze()
            for second in range(2, 6):
                peer.emit_tickers(ticker_frame(ticker("btcusdt", str(second), START_MS + second * 1_000)))
            async with asyncio.timeout(15):
                answer = await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "1"}, timeout=15)
            assert (answer.status_code, answer.json()["code"]) in {
                (503, "storage_unavailable"),
                (503, "symbols_unknown"),
            }
            own_redis.process.thaw()

        async def newest() -> bool:
            return await cached_prices(aggregator.redis) == {b"btcusdt": 5}

        await until(newest)


async def test_a_restarted_socket_gets_the_whole_interest_again(aggregator: Running) -> None:
    peer = aggregator.peer
    await aggregator.http.put("/followers/1", json={"symbols": ["btcusdt", "ethusdt"]})
    await until(lambda: peer.interest == {"btcusdt", "ethusdt"})
    await peer.stop()
    assert "socket" in await aggregator.life.health.problems()
    await peer.start()
    await until(lambda: peer.interest == {"btcusdt", "ethusdt"}, what="the interest is sent again")
    await aggregator.until_streaming()
    async with Subscriber(aggregator.redis) as subscriber:
        peer.emit_trades("btcusdt", trade("btcusdt", 1, "5"))
        assert [channel for channel, _ in await subscriber.until_heard(1)] == ["btcusdt"]


async def test_a_peer_that_answers_pings_and_sends_nothing_is_left(
    aggregator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.aggregator.ticker_feed.SILENCE_S", 0.1)
    before = set(aggregator.peer.ticker_streams)
    await aggregator.peer.stop()
    await aggregator.peer.start()
    await aggregator.until_streaming()
    first = set(aggregator.peer.ticker_streams)
    await until(lambda: aggregator.peer.ticker_streams and not aggregator.peer.ticker_streams & (first | before))


def silences(stream: str) -> float:
    """How often `stream` was opened again because nothing came."""
    return metric("aggregator_stream_reconnects_total", stream=stream, reason="silent")


async def test_the_silence_of_trades_counts_only_while_a_follower_wants_them(
    peer: SocketPeer, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.aggregator.ticker_feed.SILENCE_S", 0.5)
    monkeypatch.setattr("services.aggregator.trade_feed.SILENCE_S", 0.1)
    tickers, trades = silences("mini_tickers"), silences("agg_trades")
    async with running(peer, redis_url) as aggregator:
        await aggregator.until_ready_to_follow()
        await until(lambda: silences("mini_tickers") >= tickers + 3, what="the silence of tickers is seen thrice")
        assert silences("agg_trades") == trades
        await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "1"})
        await until(lambda: silences("agg_trades") > trades, what="the silence of wanted trades is seen")


@asynccontextmanager
async def process(peer: SocketPeer, redis_url: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """`python -m services.aggregator`, ready; the peer's first mini-ticker, of bnbbtc, makes it so."""
    http_port, ops_port = free_port(), free_port()
    env = {"HTTP_PORT": str(http_port), "OPS_PORT": str(ops_port), "SOCKET_TARGET": peer.target, "REDIS_URL": redis_url}
    started = service("aggregator", env).start()
    try:
        await until(lambda: peer.ticker_streams, what="the ticker stream is open")
        peer.emit_tickers(ticker_frame(ticker("bnbbtc", "1")))
        await until_ready(started, ops_port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", trust_env=False) as http:
            yield started, http
    finally:
        started.stop()


async def test_a_taken_port_ends_the_process_before_anything_has_begun() -> None:
    with listen("127.0.0.1", 0) as taken, listen("127.0.0.1", 0) as redis:
        for sock in (taken, redis):
            sock.listen()
        port, redis_port = (sock.getsockname()[1] for sock in (taken, redis))
        env = {"HTTP_PORT": str(port), "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0"}
        started = service("aggregator", env).start()
        try:
            await until(lambda: started.popen is not None and started.popen.poll() is not None, what="the end")
        finally:
            started.kill()
        redis.setblocking(False)
        with pytest.raises(BlockingIOError):
            redis.accept()
    assert started.popen is not None
    assert started.popen.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in started.output()


async def test_stored_follows_and_published_prices_survive_the_process(peer: SocketPeer, redis_url: str) -> None:
    async with Redis.from_url(redis_url, protocol=2) as redis, Subscriber(redis, "btcusdt") as subscriber:
        async with process(peer, redis_url) as (first, http):
            await http.get("/coin", params={"symbol": "btcusdt", "id": "1"})
            await http.put("/followers/2", json={"symbols": ["ethusdt"]})
            await until(lambda: peer.interest == {"btcusdt", "ethusdt"})
            peer.emit_trades("btcusdt", trade("btcusdt", 1, "5", START_MS + 500))
            await subscriber.until_heard(1)
            first.kill()
        await redis.sadd("market:follows", "no follow", "0:x", "5:AUTH", "99999999999999999999:btcusdt")
        await until(lambda: not peer.interest and not peer.ticker_streams, what="the streams of the killed process end")
        async with process(peer, redis_url) as (_, http):
            await until(lambda: peer.interest == {"btcusdt"}, what="the stored follow is back, the lease is not")

            async def published_price_is_back() -> bool:
                price = (await http.get("/coins")).json()["prices"].get("btcusdt")
                return bool(price and price["p"] == 5)

            await until(published_price_is_back)
            peer.emit_trades("btcusdt", trade("btcusdt", 0, "4", START_MS + 400))
            peer.emit_trades("btcusdt", trade("btcusdt", 2, "6", START_MS + 1_600))
            heard = await subscriber.until_heard(2)
    assert [json.loads(message)["t"] - START_MS for _, message in heard] == [500, 1_600], "time never goes back"


async def test_sigterm_publishes_the_last_price(peer: SocketPeer, redis_url: str) -> None:
    async with Redis.from_url(redis_url, protocol=2) as redis, Subscriber(redis, "btcusdt") as subscriber:
        async with process(peer, redis_url) as (aggregator, http):
            await http.put("/followers/1", json={"symbols": ["btcusdt"]})
            await until(lambda: peer.interest == {"btcusdt"})
            peer.emit_trades(
                "btcusdt", *(trade("btcusdt", number, f"{number}.5", START_MS + number) for number in range(900))
            )

            async def taken_in() -> bool:
                prices = (await http.get("/coins")).json()["prices"]
                return bool(prices.get("btcusdt", {}).get("p") == 899.5)

            await until(taken_in)
            assert await asyncio.to_thread(aggregator.stop, signal.SIGTERM) == 0, aggregator.output()
            assert "Traceback" not in aggregator.output()
        last = ("btcusdt", b'{"s":"btcusdt","p":899.5,"t":1767225600899,"src":"binance"}')
        while last not in subscriber.heard:
            await subscriber.until_heard(len(subscriber.heard) + 1)
