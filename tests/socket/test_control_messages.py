"""What we say to the exchange, seen from the exchange."""

from proto import socket_pb2 as pb
from tests.processes import until
from tests.socket.harness import metric, running_proxy, subscribed
from tests.socket.scripted import accept, ignore, refuse, scripted_exchange


async def test_the_tickers_are_asked_for_by_the_connection_itself() -> None:
    async with scripted_exchange() as exchange, running_proxy(exchange.urls) as proxy:
        await proxy.ready()
        assert exchange.paths == ["/stream?streams=!miniTicker@arr"]
        assert exchange.received == []


async def test_everything_is_asked_for_again_in_one_message_after_a_reconnect() -> None:
    async with scripted_exchange() as exchange, running_proxy(exchange.urls) as proxy:
        symbols = [f"coin{number}usdt" for number in range(150)]
        async with subscribed(proxy, *symbols[:70]) as trades:
            await until(lambda: len(exchange.streams(0)) == 70)
            await trades.want(*symbols)
            await until(lambda: len(exchange.streams(0)) == 150)
            await exchange.drop()
            await until(lambda: len(exchange.paths) == 2 and exchange.streams(1))
            [again] = [received for received in exchange.received if received.connection == 1]
            assert again.message["method"] == "SUBSCRIBE"
            assert set(again.message["params"]) == {f"{symbol}@aggTrade" for symbol in symbols}


async def test_messages_stay_below_what_the_exchange_reads_and_within_its_rate() -> None:
    async with scripted_exchange() as exchange, running_proxy(exchange.urls) as proxy:
        symbols = {f"很长的名字{number}usdt" for number in range(600)}
        async with subscribed(proxy, *symbols) as trades:
            await until(lambda: len(exchange.streams(0)) == 600)
            await trades.want()
            await until(lambda: exchange.streams(0) == [])
    assert max(received.size_bytes for received in exchange.received) <= 4_088
    times_s = [received.at_s for received in exchange.received]
    assert len(times_s) > 10
    assert all(later - earlier > 1.0 for earlier, later in zip(times_s, times_s[4:], strict=False))


async def test_a_refused_subscription_replaces_the_connection() -> None:
    before = metric("socket_upstream_replacements_total", reason="control")
    async with (
        scripted_exchange(refuse) as exchange,
        running_proxy(exchange.urls) as proxy,
        subscribed(proxy, "btcusdt"),
    ):
        await until(lambda: len(exchange.paths) >= 2)
        exchange.answer = accept
        await until(lambda: len(exchange.open) == 1 and exchange.streams(len(exchange.paths) - 1))
    assert metric("socket_upstream_replacements_total", reason="control") > before
    assert metric("socket_control_messages_total", method="subscribe", outcome="error") > 0


async def test_a_connection_is_kept_until_its_successor_has_subscribed() -> None:
    async with (
        scripted_exchange() as exchange,
        running_proxy(exchange.urls, ack_timeout_s=0.3, overlap_s=0) as proxy,
        subscribed(proxy, "btcusdt"),
    ):
        await until(lambda: exchange.streams(0))
        exchange.answer = ignore
        await exchange.send('{"e":"serverShutdown","E":1}')
        await until(lambda: len(exchange.paths) >= 4)
        assert 0 in exchange.open
        exchange.answer = accept
        await until(lambda: exchange.open and 0 not in exchange.open)
        assert exchange.streams(max(exchange.open)) == ["btcusdt@aggTrade"]


async def test_tickers_flow_although_no_subscription_is_ever_acknowledged() -> None:
    async with scripted_exchange(ignore) as exchange, running_proxy(exchange.urls, ack_timeout_s=0.3) as proxy:
        async with subscribed(proxy, "btcusdt"):
            await until(lambda: len(exchange.paths) >= 3)
            call = proxy.stub.StreamMiniTickers(pb.RawMiniTickerRequest())
            for _ in range(5):
                await call.read()
            call.cancel()
        assert len(exchange.open) <= 2


async def test_an_oversized_frame_costs_its_connection_only() -> None:
    before = metric("socket_upstream_replacements_total", reason="lost")
    async with scripted_exchange() as exchange, running_proxy(exchange.urls, frame_max_bytes=10_000) as proxy:
        await proxy.ready()
        await exchange.send('"' + "x" * 20_000 + '"')
        await until(lambda: len(exchange.paths) == 2 and len(exchange.open) == 1)
        await proxy.ready()
    assert metric("socket_upstream_replacements_total", reason="lost") == before + 1
