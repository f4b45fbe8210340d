"""More symbols than one connection may carry."""

from tests.processes import until
from tests.socket.harness import Simulator, assert_nothing_missing, metric, running_proxy, subscribed


async def test_symbols_spread_over_connections_that_share_one_feed(simulator: Simulator) -> None:
    tickers = metric("socket_duplicates_total", kind="ticker")
    async with running_proxy(simulator.urls, streams_per_connection=5) as proxy:
        symbols = [symbol.symbol for symbol in await proxy.symbols()]

        async def streams() -> list[int]:
            connections = (await simulator.state())["connections"]
            return sorted(sum(name.endswith("@aggTrade") for name in c["streams"]) for c in connections)

        async def spread() -> bool:
            return await streams() == [2, 5, 5]

        async def shrunk() -> bool:
            return await streams() == [1]

        async with subscribed(proxy, *symbols) as trades:
            await until(spread, what="three connections")
            await until(lambda: {symbol for symbol in symbols if trades.ids(symbol.upper())} == set(symbols))
            await simulator.control("drop")
            await until(spread, what="three connections again")
            await trades.more(50)
            for symbol in ("btcusdt", "ethusdt", "bnbusdt"):
                await assert_nothing_missing(simulator, trades, symbol)
            await until(lambda: metric("socket_duplicates_total", kind="ticker") > tickers, what="one ticker of many")
            first = min(symbols)
            await trades.want(first)
            await until(shrunk, what="one connection")


async def test_symbols_beyond_all_connections_are_counted_and_wait(simulator: Simulator) -> None:
    async with running_proxy(simulator.urls, streams_per_connection=1, max_connections=2) as proxy:
        await proxy.symbols()
        async with subscribed(proxy, "btcusdt", "ethusdt", "bnbusdt") as trades:
            await until(lambda: metric("socket_symbols_refused") == 1)
            await trades.more()
            await trades.want("ethusdt")
            await until(lambda: trades.ids("ETHUSDT"))
            assert metric("socket_symbols_refused") == 0
