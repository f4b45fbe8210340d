"""What the exchange may do to us, each done by the real simulator, with its journal as the oracle."""

import asyncio
from typing import Any

from proto import socket_pb2 as pb
from tests.processes import until
from tests.socket.harness import (
    Proxy,
    Simulator,
    assert_nothing_missing,
    metric,
    running_proxy,
    subscribed,
)


def replaced(reason: str) -> float:
    return metric("socket_upstream_replacements_total", reason=reason)


async def test_a_dropped_connection_is_replaced_and_its_gap_filled(simulator: Simulator, proxy: Proxy) -> None:
    before, filled = replaced("lost"), metric("socket_trades_backfilled_total")
    async with subscribed(proxy, "btcusdt", "ethusdt") as trades:
        await trades.more()
        await simulator.control("drop")
        await simulator.control("burst", symbol="BTCUSDT", count=50)
        await until(lambda: replaced("lost") > before)
        await trades.more(60)
        await assert_nothing_missing(simulator, trades, "btcusdt")
        await assert_nothing_missing(simulator, trades, "ethusdt")
    assert metric("socket_trades_backfilled_total") >= filled + 50


async def test_a_silent_connection_is_replaced_by_the_watchdog(simulator: Simulator, proxy: Proxy) -> None:
    before = replaced("silence")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        await simulator.control("freeze")
        await until(lambda: replaced("silence") > before)
        await trades.more(20)
        await assert_nothing_missing(simulator, trades, "btcusdt")


async def test_a_silent_exchange_makes_the_service_unready_until_it_speaks_again(
    simulator: Simulator, proxy: Proxy
) -> None:
    await simulator.control("refuse", seconds=60)
    await simulator.control("freeze")

    async def unready() -> bool:
        problem = (await proxy.life.health.problems()).get("exchange", "")
        return problem.startswith("no frame from the exchange for ")

    await until(unready)
    await simulator.control("refuse", seconds=0)
    await proxy.ready()


async def test_a_connection_that_ignores_a_subscription_is_replaced(simulator: Simulator) -> None:
    before, timeouts = (
        replaced("control"),
        metric("socket_control_messages_total", method="subscribe", outcome="timeout"),
    )
    async with running_proxy(
        simulator.urls, ack_timeout_s=5.0
    ) as proxy:  # what is not ignored is answered in that time
        await proxy.ready()
        await simulator.control("ignore-requests", count=1)
        async with subscribed(proxy, "btcusdt") as trades:
            await trades.more()
    assert replaced("control") == before + 1
    assert metric("socket_control_messages_total", method="subscribe", outcome="timeout") == timeouts + 1


async def test_ignored_subscriptions_do_not_disturb_the_streams_that_work(simulator: Simulator, proxy: Proxy) -> None:
    lost = replaced("lost")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        await simulator.control("ignore-requests", count=2)
        await trades.want("btcusdt", "ethusdt")
        await until(lambda: trades.ids("ETHUSDT"))
        await assert_nothing_missing(simulator, trades, "btcusdt")
    assert replaced("lost") == lost


async def test_skipped_ids_are_filled_in_order(simulator: Simulator, proxy: Proxy) -> None:
    gaps, lost = metric("socket_gaps_total"), metric("socket_trades_lost_total")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        skipped = await simulator.control("skip", symbol="BTCUSDT", count=2_500)
        await until(lambda: skipped["last_id"] in trades.ids("BTCUSDT"))
        await assert_nothing_missing(simulator, trades, "btcusdt")
    assert metric("socket_gaps_total") == gaps + 1
    assert metric("socket_trades_lost_total") == lost


async def test_a_gap_that_cannot_be_filled_delays_its_symbol_for_the_deadline_only(simulator: Simulator) -> None:
    async with running_proxy(simulator.urls, backfill_deadline_s=1.0) as proxy, subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        lost = metric("socket_trades_lost_total")
        await simulator.control("rest", reject=1, retry_after_s=30)
        skipped = await simulator.control("skip", symbol="BTCUSDT", count=7)
        await until(lambda: max(trades.ids("BTCUSDT")) > skipped["last_id"])
        ids = trades.ids("BTCUSDT")
        assert ids == sorted(set(ids))
        assert skipped["first_id"] not in ids
        assert metric("socket_trades_lost_total") == lost + 7


async def test_other_symbols_never_wait_for_a_gap(simulator: Simulator, proxy: Proxy) -> None:
    async with subscribed(proxy, "btcusdt", "ethusdt") as trades:
        await until(lambda: trades.ids("BTCUSDT") and trades.ids("ETHUSDT"))
        await simulator.control("rest", delay_s=3.0)
        try:
            skipped = await simulator.control("skip", symbol="BTCUSDT", count=5)
            seen = len(trades.ids("ETHUSDT"))
            await until(lambda: len(trades.ids("ETHUSDT")) > seen + 5)
            assert max(trades.ids("BTCUSDT")) < skipped["first_id"]
        finally:
            await simulator.control("rest")
        await assert_nothing_missing(simulator, trades, "btcusdt")


async def test_repeated_trades_are_dropped(simulator: Simulator, proxy: Proxy) -> None:
    duplicates = metric("socket_duplicates_total", kind="trade")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more(20)
        await simulator.control("repeat", symbol="BTCUSDT", count=10)
        await trades.more(20)
        await assert_nothing_missing(simulator, trades, "btcusdt")
    assert metric("socket_duplicates_total", kind="trade") >= duplicates + 10


async def test_malformed_frames_are_counted_and_skipped(simulator: Simulator, proxy: Proxy) -> None:
    malformed, unknown = metric("socket_frames_total", kind="malformed"), metric("socket_frames_total", kind="unknown")
    lost = replaced("lost")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        for text in ('{"e":"aggTrade","E":17', "[]", '"x"', '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade"}}'):
            await simulator.control("malformed", stream="btcusdt@aggTrade", text=text)
        await simulator.control("malformed", stream="btcusdt@aggTrade", text='{"e":"news"}')
        await trades.more(20)
        await assert_nothing_missing(simulator, trades, "btcusdt")
    assert metric("socket_frames_total", kind="malformed") == malformed + 4
    assert metric("socket_frames_total", kind="unknown") == unknown + 1
    assert replaced("lost") == lost


async def test_the_end_of_a_connections_day_loses_nothing(simulator: Simulator, proxy: Proxy) -> None:
    before = replaced("lost")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        await simulator.control("end")
        await until(lambda: replaced("lost") > before)
        await trades.more(20)
        await assert_nothing_missing(simulator, trades, "btcusdt")


async def test_an_announced_shutdown_is_answered_before_it_happens(simulator: Simulator, proxy: Proxy) -> None:
    before, lost, gaps = replaced("shutdown"), replaced("lost"), metric("socket_gaps_total")
    old = {connection["number"] for connection in (await simulator.state())["connections"]}
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        await simulator.control("server-shutdown")
        await until(lambda: replaced("shutdown") > before)

        async def moved() -> bool:
            return not old & {connection["number"] for connection in (await simulator.state())["connections"]}

        await until(moved)
        await trades.more(20)
        await assert_nothing_missing(simulator, trades, "btcusdt")
    assert replaced("lost") == lost
    assert metric("socket_gaps_total") == gaps


async def test_an_ageing_connection_is_replaced_before_its_end_again_and_again(simulator: Simulator) -> None:
    before, gaps, filled = replaced("age"), metric("socket_gaps_total"), metric("socket_trades_backfilled_total")
    async with (
        running_proxy(simulator.urls, connection_life_s=1.5) as proxy,
        subscribed(proxy, "btcusdt", "ethusdt") as trades,
    ):
        tickers: Any = proxy.stub.StreamMiniTickers(pb.RawMiniTickerRequest())
        frames: list[bytes] = []
        while replaced("age") < before + 4:
            frames += (await tickers.read()).data
        tickers.cancel()
        assert len(set(frames)) == len(frames)
        await assert_nothing_missing(simulator, trades, "btcusdt")
        await assert_nothing_missing(simulator, trades, "ethusdt")
    assert metric("socket_duplicates_total", kind="trade") > 0
    assert (metric("socket_gaps_total"), metric("socket_trades_backfilled_total")) == (gaps, filled)


async def test_refused_connections_are_tried_again(simulator: Simulator, proxy: Proxy) -> None:
    refused = metric("socket_upstream_connects_total", outcome="failed")
    async with subscribed(proxy, "btcusdt") as trades:
        await trades.more()
        await simulator.control("refuse", seconds=60, how="http")
        await simulator.control("drop")
        await until(lambda: metric("socket_upstream_connects_total", outcome="failed") >= refused + 2)
        await simulator.control("refuse", seconds=60, how="reset")
        await until(lambda: metric("socket_upstream_connects_total", outcome="failed") >= refused + 3)
        await simulator.control("refuse", seconds=0)
        await trades.more(20)
        await assert_nothing_missing(simulator, trades, "btcusdt")


async def test_rapid_changes_stay_within_the_message_limit(simulator: Simulator, proxy: Proxy) -> None:
    """The simulator, like the exchange, cuts a connection that sends a sixth message within a second."""
    lost = replaced("lost")
    symbols = [symbol.symbol for symbol in await proxy.symbols()]
    async with subscribed(proxy) as trades:
        for turn in range(60):
            await trades.want(*symbols[turn % 6 : turn % 6 + 5])
            await asyncio.sleep(0.03)
        await trades.want(*symbols)
        await until(lambda: len({symbol for symbol in symbols if trades.ids(symbol.upper())}) == len(symbols))
    assert replaced("lost") == lost
