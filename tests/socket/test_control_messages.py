"""Control messages of the socket service, as the exchange receives them."""

import pytest
from structlog.testing import capture_logs

from proto import socket_pb2 as pb
from tests.processes import until
from tests.socket.harness import metric, running_proxy, subscribed
from tests.socket.scripted import accept, ignore, refuse_symbol, scripted_exchange


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


@pytest.mark.parametrize("how", ["error", "close"])
async def test_a_refused_symbol_goes_without_trades_alone(how: str) -> None:
    symbols = {f"coin{number}usdt" for number in range(20)}
    good = {f"{symbol}@aggTrade" for symbol in symbols - {"coin7usdt"}}
    async with (
        scripted_exchange(refuse_symbol("coin7usdt", how)) as exchange,
        running_proxy(exchange.urls) as proxy,
        subscribed(proxy, *symbols),
    ):
        await until(lambda: metric("socket_symbols_set_aside") == 1)
        await until(lambda: any(set(exchange.streams(number)) == good for number in exchange.open))
        await proxy.ready()
        await exchange.drop()
        paths = len(exchange.paths)
        await until(lambda: any(set(exchange.streams(number)) == good for number in exchange.open))
        assert len(exchange.paths) <= paths + 1, "what is set aside is not asked for on the next connection"
    assert metric("socket_control_messages_total", method="subscribe", outcome="error") > 0 or how == "close"


async def test_a_refused_symbol_is_asked_for_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.socket.refusals.RETRY_S", 0.5)
    async with (
        scripted_exchange(refuse_symbol("ethusdt")) as exchange,
        running_proxy(exchange.urls) as proxy,
        subscribed(proxy, "btcusdt", "ethusdt"),
    ):
        await until(lambda: metric("socket_symbols_set_aside") == 1)
        exchange.answer = accept
        await until(lambda: set(exchange.streams(0)) == {"btcusdt@aggTrade", "ethusdt@aggTrade"})
        await until(lambda: metric("socket_symbols_set_aside") == 0)
    assert len(exchange.paths) == 1


async def test_a_connection_that_was_of_use_is_replaced_at_once_every_time() -> None:
    with capture_logs() as logged:
        async with scripted_exchange() as exchange, running_proxy(exchange.urls) as proxy, subscribed(proxy, "btcusdt"):
            for number in range(6):
                await until(lambda number=number: exchange.streams(number))
                await exchange.drop()
    attempts = [entry["attempt"] for entry in logged if entry["event"] == "shard.connected"]
    assert attempts[:6] == [1] * 6, "a first attempt is never delayed"


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
