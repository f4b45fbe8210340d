"""Queues of subscribers: bounded, and independent of each other."""

import asyncio

from services.exchanges.exchange import TradeFrame
from services.socket.hub import End, Hub, QueueLimits, Subscriber
from services.socket.ring import FrameRing
from tests.socket.harness import metric


def trades(*datas: bytes) -> list[TradeFrame]:
    return [TradeFrame("btcusdt", number, 0, data) for number, data in enumerate(datas)]


def is_ended(subscriber: Subscriber) -> End | None:
    return subscriber.ended.result() if subscriber.ended.done() else None


async def test_a_full_queue_ends_its_subscriber_and_no_other() -> None:
    hub, cut = (
        Hub(QueueLimits(max_frames=3, max_bytes=1_000), FrameRing(300, 1_000_000)),
        metric("socket_subscribers_cut_total"),
    )
    with hub.trade_subscriber() as slow, hub.trade_subscriber() as quick:
        hub.set_interest(slow, frozenset({"btcusdt"}))
        hub.set_interest(quick, frozenset({"btcusdt"}))
        received = []
        for data in (b"1", b"2", b"3", b"4", b"5"):
            hub.publish_trades("btcusdt", trades(data))
            received += await quick.take(10, 10)
        assert received == [b"1", b"2", b"3", b"4", b"5"]
        assert is_ended(slow) is End.TOO_SLOW
        assert is_ended(quick) is None
        assert metric("socket_subscribers_cut_total") == cut + 1
        assert hub.symbols == {"btcusdt"}
    assert hub.symbols == set()


async def test_bytes_are_bounded_too_but_one_frame_of_any_size_fits_an_empty_queue() -> None:
    hub = Hub(QueueLimits(max_frames=100, max_bytes=10), FrameRing(300, 1_000_000))
    with hub.ticker_subscriber() as subscriber:
        hub.publish_tickers(b"x" * 50)
        assert await subscriber.take(10, 10) == [b"x" * 50]
        hub.publish_tickers(b"x" * 6)
        assert is_ended(subscriber) is None
        hub.publish_tickers(b"x" * 6)
        assert is_ended(subscriber) is End.TOO_SLOW


async def test_a_batch_is_what_waits_within_its_bounds() -> None:
    hub = Hub(QueueLimits(max_frames=100, max_bytes=1_000), FrameRing(300, 1_000_000))
    with hub.ticker_subscriber() as subscriber:
        for number in range(5):
            hub.publish_tickers(b"%d" % number * 10)
        assert len(await subscriber.take(3, 1_000)) == 3
        assert len(await subscriber.take(3, 15)) == 1
        assert len(await subscriber.take(3, 1)) == 1
        taking = asyncio.ensure_future(subscriber.take(3, 1_000))
        await asyncio.sleep(0)
        assert not taking.done()
        hub.publish_tickers(b"new")
        assert await taking == [b"new"]


async def test_an_ended_subscriber_has_nothing_left_even_for_one_about_to_take() -> None:
    hub = Hub(QueueLimits(max_frames=1, max_bytes=1_000), FrameRing(300, 1_000_000))
    with hub.ticker_subscriber() as subscriber:
        taking = asyncio.ensure_future(subscriber.take(10, 1_000))
        await asyncio.sleep(0)
        hub.publish_tickers(b"1")
        hub.publish_tickers(b"2")
        assert is_ended(subscriber) is End.TOO_SLOW
        await asyncio.wait([taking], timeout=0.01)
        assert not taking.done()
        taking.cancel()


async def test_interest_is_replaced_as_a_whole() -> None:
    hub = Hub(QueueLimits(max_frames=100, max_bytes=1_000), FrameRing(300, 1_000_000))
    with hub.trade_subscriber() as subscriber:
        hub.set_interest(subscriber, frozenset({"a", "b"}))
        hub.set_interest(subscriber, frozenset({"b", "c"}))
        assert hub.symbols == {"b", "c"}
        for symbol in ("a", "b", "c"):
            hub.publish_trades(symbol, trades(symbol.encode()))
        assert await subscriber.take(10, 100) == [b"b", b"c"]


async def test_draining_ends_all_subscribers_and_each_that_comes_later() -> None:
    hub = Hub(QueueLimits(max_frames=100, max_bytes=1_000), FrameRing(300, 1_000_000))
    with hub.trade_subscriber() as trade, hub.ticker_subscriber() as ticker:
        hub.drain()
        with hub.ticker_subscriber() as late:
            assert [is_ended(subscriber) for subscriber in (trade, ticker, late)] == [End.DRAINING] * 3


async def test_a_half_full_queue_is_congestion() -> None:
    hub = Hub(QueueLimits(max_frames=4, max_bytes=1_000), FrameRing(300, 1_000_000))
    with hub.trade_subscriber() as subscriber:
        hub.set_interest(subscriber, frozenset({"btcusdt"}))
        hub.publish_trades("btcusdt", trades(b"1"))
        assert not hub.is_congested("btcusdt")
        hub.publish_trades("btcusdt", trades(b"2"))
        assert hub.is_congested("btcusdt")
        assert not hub.is_congested("ethusdt")


async def test_half_of_the_bytes_is_congestion_too() -> None:
    hub = Hub(QueueLimits(max_frames=100, max_bytes=10), FrameRing(300, 1_000_000))
    with hub.trade_subscriber() as subscriber:
        hub.set_interest(subscriber, frozenset({"btcusdt"}))
        hub.publish_trades("btcusdt", trades(b"1234"))
        assert not hub.is_congested("btcusdt")
        hub.publish_trades("btcusdt", trades(b"5"))
        assert hub.is_congested("btcusdt")


async def test_an_ended_subscriber_has_no_interest_any_more() -> None:
    hub = Hub(QueueLimits(max_frames=1, max_bytes=1_000), FrameRing(300, 1_000_000))
    with hub.trade_subscriber() as subscriber:
        hub.set_interest(subscriber, frozenset({"btcusdt"}))
        hub.publish_trades("btcusdt", trades(b"1", b"2"))
        assert is_ended(subscriber) is End.TOO_SLOW
        hub.set_interest(subscriber, frozenset({"ethusdt"}))
        assert hub.symbols == set()
