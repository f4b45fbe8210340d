"""`market:symbols`: what `GET /symbols` answers, for those who only read Redis."""

from tests.aggregator.conftest import Running, running
from tests.aggregator.socket_peer import SocketPeer, ticker, ticker_frame
from tests.conftest import RunningRedis
from tests.processes import until


async def until_published(aggregator: Running, symbols: set[str]) -> None:
    """Wait until Redis has exactly what `GET /symbols` answers, and that is `symbols`."""

    async def published() -> bool:
        answer = await aggregator.http.get("/symbols")
        listed = {each["symbol"] for each in answer.json().get("symbols", ())}
        return listed == symbols and await aggregator.redis.get("market:symbols") == answer.content

    await until(published, what=f"{symbols} are in Redis")


async def test_the_listing_is_published_as_http_returns_it(aggregator: Running) -> None:
    await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
    listed = (await aggregator.http.get("/symbols")).json()["symbols"]
    assert {"symbol": "btcusdt", "base": "BTC", "quote": "USDT", "status": "TRADING"} in listed


async def test_each_listing_is_published(aggregator: Running) -> None:
    await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
    aggregator.peer.symbols = ("btcusdt", "newusdt")
    await aggregator.peer.stop()
    await aggregator.peer.start()
    await until_published(aggregator, {"btcusdt", "newusdt", "ethusdt", "bnbbtc"})


async def test_what_left_the_listing_stays_known_across_restarts(peer: SocketPeer, redis_url: str) -> None:
    async with running(peer, redis_url) as aggregator:
        await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
    peer.symbols = ("btcusdt", "bnbbtc")
    async with running(peer, redis_url) as aggregator:
        await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
        listed = (await aggregator.http.get("/symbols")).json()["symbols"]
        assert {"symbol": "ethusdt", "base": "ETH", "quote": "USDT", "status": "DELISTED"} in listed
        refused = await aggregator.http.get("/coin?symbol=ETHUSDT&id=7")
        assert (refused.status_code, refused.json()["code"]) == (409, "delisted")
        leased = (await aggregator.http.put("/followers/7", json={"symbols": ["ethusdt", "btcusdt"]})).json()
        assert (leased["symbols"], leased["unknown"]) == (["btcusdt"], {"ethusdt": []})


async def test_a_redis_that_lost_the_symbols_gets_them_again(peer: SocketPeer, own_redis: RunningRedis) -> None:
    async with running(peer, own_redis.url) as aggregator:
        await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
        await aggregator.redis.flushall()
        await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})


async def test_another_source_takes_the_symbols_with_it(aggregator: Running) -> None:
    await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
    await aggregator.peer.stop()
    aggregator.peer.source, aggregator.peer.symbols = "simulator", None
    await aggregator.peer.start()

    async def gone() -> bool:
        return await aggregator.redis.get("market:source") == b"simulator"

    await until(gone)
    assert await aggregator.redis.get("market:symbols") is None
    aggregator.peer.symbols = ("simusdt",)
    await until_published(aggregator, {"simusdt"})


async def test_a_restart_with_another_source_keeps_nothing_of_the_old(peer: SocketPeer, redis_url: str) -> None:
    async with running(peer, redis_url) as aggregator:
        await until_published(aggregator, {"btcusdt", "ethusdt", "bnbbtc"})
    async with SocketPeer(source="simulator", symbols=None) as other, running(other, redis_url) as aggregator:

        async def gone() -> bool:
            return await aggregator.redis.get("market:symbols") is None

        await until(gone)


async def test_symbols_that_are_learnt_from_prices_are_published_as_they_come(redis_url: str) -> None:
    async with SocketPeer(twin=True) as peer, running(peer, redis_url) as aggregator:
        await aggregator.until_streaming()
        peer.emit_tickers(ticker_frame(ticker("btcusdt", "1")))
        await until_published(aggregator, {"btcusdt"})
        peer.emit_tickers(ticker_frame(ticker("ethusdt", "1")))
        await until_published(aggregator, {"btcusdt", "ethusdt"})
