"""The whole service, between a scripted socket and a real Redis."""

from tests.aggregator.conftest import Running, Subscriber
from tests.aggregator.socket_peer import START_MS, ticker, ticker_frame, trade
from tests.processes import until


async def test_a_subscriber_sees_the_exact_bytes(aggregator: Running) -> None:
    async with Subscriber(aggregator.redis) as subscriber:
        aggregator.peer.emit_tickers(ticker_frame(ticker("btcusdt", "68123.45000000", START_MS + 123)))
        heard = await subscriber.until_heard(1)
    assert heard == [("btcusdt", b'{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance"}')]
    assert await aggregator.redis.hgetall("market:last") == {
        b"btcusdt": b'{"s":"btcusdt","p":68123.45,"t":1767225600123,"src":"binance","o":1.5,"h":2,"l":1,"v":10,"q":15}'
    }
    assert await aggregator.redis.get("market:source") == b"binance"


async def test_a_follow_opens_the_stream_of_trades(aggregator: Running) -> None:
    answer = await aggregator.http.get("/coin", params={"symbol": "BtcUsdt", "id": "7"})
    assert (answer.status_code, answer.json()) == (200, {"status": "started", "symbol": "btcusdt"})
    await until(lambda: aggregator.peer.interest == {"btcusdt"})
    async with Subscriber(aggregator.redis) as subscriber:
        aggregator.peer.emit_trades("btcusdt", trade("btcusdt", 5, "0.00000001"), trade("btcusdt", 4, "9.5"))
        heard = await subscriber.until_heard(1)
    assert heard == [("btcusdt", b'{"s":"btcusdt","p":0.00000001,"t":1767225600000,"src":"binance"}')]
