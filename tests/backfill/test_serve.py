"""History that fills itself: the real process between a real Redis, the real engine and the simulated exchange."""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from redis.asyncio import Redis

from services.backfill.plan import INTERVALS
from tests.backfill.exchange import MINUTE_MS, Answer, row, scripted_exchange
from tests.backfill.running import candles, connected, exchange_candles, insert_ticks, own_database
from tests.clickhouse_server import RunningClickHouse
from tests.conftest import RunningRedis
from tests.processes import Process, free_port, until
from tests.simulator.running import Running, running

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LISTED = ("btcusdt", "ethusdt", "solusdt")


def serving(database: str, exchange_url: str, redis_url: str, **env: str) -> Process:
    environment = {
        "LOG_FORMAT": "console",
        "CLICKHOUSE_URL": database,
        "EXCHANGE_REST_URL": exchange_url,
        "EXCHANGE_SOURCE": "simulator",
        "REDIS_URL": redis_url,
        "OPS_PORT": str(free_port()),
    }
    return Process([sys.executable, "-m", "services.backfill", "serve"], environment | env)


@dataclass(frozen=True, slots=True)
class Place:
    """The process, not yet started, and what it stands on."""

    process: Process
    client: AsyncClient
    redis: Redis
    seen: list[Any] = field(default_factory=list)

    async def want(self, *symbols: str) -> None:
        await self.redis.set("market:wanted", json.dumps({"symbols": sorted(symbols)}))

    async def offer(self, *symbols: str) -> None:
        listings = [{"symbol": one, "base": one[:3], "quote": "USDT", "status": "TRADING"} for one in symbols]
        await self.redis.set("market:symbols", json.dumps({"symbols": listings}))

    async def progress(self) -> Any:
        """What the process has published last; {} before."""
        found = json.loads(await self.redis.get("market:fill") or "{}")
        if found not in self.seen[-1:]:
            self.seen.append(found)
        return found

    async def until_filled(self, symbols: int) -> None:
        async def filled() -> bool:
            found = await self.progress()
            return bool(found.get("state") == "idle" and found["symbols_done"] == found["symbols_total"] == symbols)

        await until(filled, timeout_s=180, what=f"the history of {symbols} symbols\n{self.process.output()[-3000:]}")

    async def exact(self, interval: str, symbol: str = "BTCUSDT") -> list[Any]:
        return await candles(self.client, interval, symbol, "volume IS NOT NULL")


@asynccontextmanager
async def placed(clickhouse: RunningClickHouse, redis: RunningRedis, exchange_url: str) -> AsyncIterator[Place]:
    async with (
        own_database(clickhouse) as url,
        connected(url) as client,
        Redis.from_url(redis.url, protocol=2) as connection,
    ):
        await connection.flushall()
        process = serving(url, exchange_url, redis.url)
        try:
            yield Place(process, client, connection)
        finally:
            process.kill()


@pytest.fixture
async def exchange() -> AsyncIterator[Running]:
    async with running(start_ms=None) as simulator:
        yield simulator


@pytest.fixture
async def place(
    clickhouse_server: RunningClickHouse, redis_server: RunningRedis, exchange: Running
) -> AsyncIterator[Place]:
    async with placed(clickhouse_server, redis_server, f"http://127.0.0.1:{exchange.settings.rest_port}") as made:
        yield made


async def differences(place: Place, exchange: Running, interval: str, since_ms: int, symbol: str) -> list[Any]:
    """What of the time from `since_ms` to the newest exact candle is not as the exchange has it."""
    ours = [candle for candle in await place.exact(interval, symbol) if candle[0] >= since_ms]
    end_ms = ours[-1][0] + INTERVALS[interval].length_ms
    theirs = await exchange_candles(exchange.http, interval, since_ms, end_ms, symbol)
    assert theirs
    return sorted(set(ours).symmetric_difference(theirs))


async def test_what_is_wanted_and_what_is_listed_is_filled(place: Place, exchange: Running) -> None:
    await place.offer(*LISTED)
    await place.want("btcusdt")
    place.process.start()
    await place.until_filled(1)
    now_ms = int(time.time() * 1_000)
    # The exchange has 90 days in all.
    for interval, days in (("1m", 29), ("1h", 88), ("1d", 88)):
        assert await differences(place, exchange, interval, (now_ms // DAY_MS - days) * DAY_MS, "BTCUSDT") == []
    for symbol in ("ETHUSDT", "SOLUSDT"):
        hours = await place.exact("1h", symbol)
        assert len(hours) in (24, 25)
        assert await differences(place, exchange, "1h", hours[0][0], symbol) == []
        assert await place.exact("1m", symbol) == []
    states = [found["state"] for found in place.seen if found]
    assert states[-1] == "idle"
    assert "filling" in states

    await place.want("btcusdt", "ethusdt")  # a coin that was added a second ago
    await place.until_filled(2)
    assert await differences(place, exchange, "1m", (now_ms // DAY_MS - 29) * DAY_MS, "ETHUSDT") == []


async def test_a_process_that_was_killed_is_continued_and_nothing_is_written_twice(
    place: Place, exchange: Running
) -> None:
    await place.offer("btcusdt")
    await place.want("btcusdt")
    await exchange.control("rest", delay_s=30, undelayed=12)
    place.process.start()

    async def some() -> bool:
        return len(await place.exact("1m")) >= 4_000

    await until(some, what=f"some minutes\n{place.process.output()[-3000:]}")
    place.process.kill()
    there = len(await place.exact("1m"))
    assert there < 40_000
    await exchange.control("rest")
    place.process.start()
    await place.until_filled(1)
    since_ms = (int(time.time() * 1_000) // DAY_MS - 29) * DAY_MS
    assert await differences(place, exchange, "1m", since_ms, "BTCUSDT") == []
    written = "SELECT count() FROM candles_1m_states WHERE volume IS NOT NULL"
    [(rows,)] = (await place.client.query(written)).result_rows
    assert rows == len(await place.exact("1m"))


async def test_an_exchange_that_asks_to_wait_is_obeyed_and_the_progress_names_it(
    place: Place, exchange: Running
) -> None:
    await place.offer("btcusdt")
    await place.want("btcusdt")
    await exchange.control("rest", reject=4, retry_after_s=2)
    place.process.start()
    await place.until_filled(1)
    waiting = [found for found in place.seen if found.get("state") == "waiting"]
    assert "The exchange asks us to stay away for 2 s." in [found["detail"] for found in waiting]
    assert await differences(place, exchange, "1h", int(time.time() * 1_000) - DAY_MS, "BTCUSDT") == []


async def test_prices_that_were_seen_become_the_exchanges_candles(place: Place, exchange: Running) -> None:
    """Of a symbol that only is listed, too: no candle that is there may differ for two hours."""
    await place.offer(*LISTED)
    hour_ms = (int(time.time() * 1_000) // HOUR_MS - 5) * HOUR_MS
    ticks = [(hour_ms + minute * MINUTE_MS + 200, 1) for minute in range(0, 120, 7)]
    await insert_ticks(place.client, "ETHUSDT", ticks)  # type: ignore[arg-type]
    place.process.env = {**place.process.env, "FILL_ROUND_S": "3"}
    place.process.start()

    async def corrected() -> bool:
        return len(await place.exact("1m", "ETHUSDT")) == len(ticks)

    await until(corrected, timeout_s=120, what=f"exact minutes\n{place.process.output()[-3000:]}")
    theirs = {
        candle[0]: candle
        for candle in await exchange_candles(exchange.http, "1m", hour_ms, hour_ms + 2 * HOUR_MS, "ETHUSDT")
    }
    assert await candles(place.client, "1m", "ETHUSDT") == [theirs[at // MINUTE_MS * MINUTE_MS] for at, _ in ticks]


async def test_what_cannot_be_filled_is_named_and_keeps_nothing_else_from_being_filled(
    clickhouse_server: RunningClickHouse, redis_server: RunningRedis
) -> None:
    """An unknown symbol, a row off the grid, and minutes that the exchange does not have."""
    now = int(time.time()) // 60
    off_grid = row(now - 300, open_ms=(now - 300) * MINUTE_MS + 17_000)

    def script(path: str, query: dict[str, str]) -> Answer:
        if path == "/api/v3/time":
            return Answer({"serverTime": int(time.time() * 1_000)})
        if query["symbol"] != "BTCUSDT":
            return Answer({"code": -1121, "msg": "Invalid symbol."}, 400)
        if query["interval"] != "1m":
            return Answer([])
        start = -(-int(query["startTime"]) // MINUTE_MS)
        there = [at for at in (*range(now - 500, now - 400), *range(now - 299, now - 100)) if at >= start]
        rows = [row(at) for at in there]
        return Answer(([off_grid] if start <= now - 300 else [])[:1] * (now - 299 in there) + rows)

    with scripted_exchange(script) as scripted:
        async with placed(clickhouse_server, redis_server, scripted.url) as place:
            await place.offer("btcusdt")
            await place.want("btcusdt", "goneusdt")
            place.process.start()
            await place.until_filled(1)
            found = [candle[0] // MINUTE_MS for candle in await place.exact("1m")]
            assert found == [*range(now - 500, now - 400), *range(now - 299, now - 100)]
            log = place.process.output()
    assert "the exchange does not know the symbol GONEUSDT" in log
    assert "no start of a candle of 1m" in log
    assert "fill.not_at_the_exchange" in log


@pytest.mark.parametrize(("status", "reason"), [(451, "restricted location"), (403, "forbidden")])
async def test_an_exchange_that_refuses_this_address_is_left_alone_and_named(
    clickhouse_server: RunningClickHouse, redis_server: RunningRedis, status: int, reason: str
) -> None:
    asked: list[str] = []

    def script(path: str, query: dict[str, str]) -> Answer:
        asked.append(path)
        return Answer({"code": 0, "msg": reason}, status)

    with scripted_exchange(script) as scripted:
        async with placed(clickhouse_server, redis_server, scripted.url) as place:
            await place.offer("btcusdt")
            await place.want("btcusdt")
            place.process.start()

            async def named() -> bool:
                found = await place.progress()
                return bool(found.get("state") == "waiting" and f"({status})" in found["reason"])

            await until(named, what="the refusal in the progress")
            found = await place.progress()
            assert found["reason"].startswith(f"The exchange serves nothing to this address: {reason} "), (
                "the operator's"
            )
            assert found["detail"] == "The exchange serves nothing to this server's address.", "anyone's"
    assert len(asked) <= 4  # once for each worker


async def test_a_database_that_comes_late_is_waited_for(
    own_clickhouse: RunningClickHouse, redis_server: RunningRedis, exchange: Running
) -> None:
    async with placed(own_clickhouse, redis_server, f"http://127.0.0.1:{exchange.settings.rest_port}") as place:
        await place.offer("btcusdt")
        own_clickhouse.process.kill()
        place.process.start()

        async def named() -> bool:
            found = await place.progress()
            return bool(found.get("state") == "waiting" and "ClickHouse" in found["detail"])

        await until(named, what="ClickHouse in the progress")
        own_clickhouse.process.start()
        await place.until_filled(0)
        assert len(await place.exact("1h")) in (24, 25)
