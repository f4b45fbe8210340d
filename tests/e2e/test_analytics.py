"""The analytic contour behind the operational one: each mini-ticker survives any outage, unnoticed by live clients.

The exchange's journal lists what must be found. `make soak` makes the outages as long as they may really be.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from websockets.asyncio.client import ClientConnection

from deploy.local import clickhouse
from services.kafka_clickhouse.clickhouse import connect
from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.conftest import RunningPostgres, start_redis, stop_redis
from tests.e2e.stack import Stack, User, sign_up, until_document
from tests.kafka_broker import RunningKafka, start_kafka, stop_kafka
from tests.kafka_clickhouse.pipeline import INTERVALS_S, Tick, candles_of
from tests.processes import until

KAFKA_OUTAGE_S = float(os.environ.get("KAFKA_OUTAGE_S", "4"))
CLICKHOUSE_OUTAGE_S = float(os.environ.get("CLICKHOUSE_OUTAGE_S", "4"))
KILLS = int(os.environ.get("KILLS", "2"))
CATCH_UP_S = 120.0

pytestmark = pytest.mark.timeout(300 + KAFKA_OUTAGE_S + CLICKHOUSE_OUTAGE_S + 20 * KILLS)


@dataclass(frozen=True, slots=True)
class Contours:
    """Both contours, and the servers behind the analytic one."""

    stack: Stack
    kafka: RunningKafka
    clickhouse: RunningClickHouse

    def simulated(self, path: str) -> str:
        return f"http://127.0.0.1:{self.stack.running['simulator'].port}/control/{path}"

    async def journal(self) -> list[tuple[str, int, Decimal]]:
        """Symbol, event time and price of each mini-ticker that the exchange has sent to a client."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            lines = (await client.get(self.simulated("journal"), params={"kind": "miniTicker"})).text.splitlines()
        records = [record for record in map(json.loads, lines) if record["receivers"]]
        return [(record["symbol"], record["data"]["E"], Decimal(record["data"]["c"])) for record in records]

    async def control(self, command: str) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            (await client.post(self.simulated(command), json={})).raise_for_status()


@pytest.fixture(scope="module")
def module_contours(postgres_server: RunningPostgres) -> Iterator[Contours]:
    redis, kafka, engine = start_redis(), start_kafka(), start_clickhouse()
    stack = Stack(postgres_server, redis)
    asyncio.run(start_all(Contours(stack, kafka, engine)))
    yield Contours(stack, kafka, engine)
    stack.stop()
    stop_clickhouse(engine)
    stop_kafka(kafka)
    stop_redis(redis)


async def start_all(contours: Contours) -> None:
    stack, bootstrap = contours.stack, contours.kafka.bootstrap
    await stack.start_simulator(JOURNAL_SIZE="2000000")
    await stack.start_socket()
    await stack.start_authorization()
    await stack.start_aggregator(KAFKA_BOOTSTRAP_SERVERS=bootstrap)
    await stack.start_profile()
    await stack.start_kafka_clickhouse(bootstrap, contours.clickhouse.url, KAFKA_GROUP_INSTANCE_ID="one")


@pytest.fixture
async def contours(module_contours: Contours) -> Contours:
    await module_contours.control("resume")
    await module_contours.stack.repair()
    return module_contours


@pytest.fixture
async def user(contours: Contours) -> AsyncIterator[User]:
    base_url = f"http://127.0.0.1:{contours.stack.running['profile'].port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=20) as client:
        yield await sign_up(base_url, client)


@pytest.fixture
async def client(contours: Contours) -> AsyncIterator[AsyncClient]:
    client = await connect(contours.clickhouse.url)
    yield client
    await client.close()


async def kafka_dies(contours: Contours) -> None:
    contours.kafka.process.kill()
    await asyncio.sleep(KAFKA_OUTAGE_S)
    await contours.kafka.start_again()


async def clickhouse_dies(contours: Contours) -> None:
    contours.clickhouse.process.kill()
    await asyncio.sleep(CLICKHOUSE_OUTAGE_S)
    contours.clickhouse.process.start()
    await clickhouse.wait_until_ready(contours.clickhouse.server)


async def kafka_clickhouse_dies(contours: Contours) -> None:
    for _ in range(KILLS):
        await contours.stack.running["kafka_clickhouse"].restart_after("kill")


async def nothing_dies(contours: Contours) -> None:
    await asyncio.sleep(1)


@pytest.mark.parametrize("fault", [nothing_dies, kafka_dies, clickhouse_dies, kafka_clickhouse_dies])
async def test_everything_is_kept_and_live_prices_go_on(
    contours: Contours, user: User, client: AsyncClient, fault: Callable[[Contours], Coroutine[Any, Any, None]]
) -> None:
    await user.add("btcusdt", "1")
    since_ms = await all_kept_until_now(client)
    async with user.live() as websocket:
        during = asyncio.create_task(fault(contours))
        documents = 0
        while not during.done():
            await a_newer_document(websocket)
            documents += 1
        await during
    assert documents > 1
    await contours.control("pause")
    sent = await until(lambda: exactly_kept(contours, client, since_ms), CATCH_UP_S, "everything sent to be kept")
    assert len(sent) > 40
    assert expected_candles("1s", sent, since_ms)  # of a minute there is hardly ever a whole one
    for interval in INTERVALS_S:
        await until_candles(client, interval, expected_candles(interval, sent, since_ms), since_ms)


async def all_kept_until_now(client: AsyncClient) -> int:
    """A moment (event time, ms) from which on events are kept: some have been, just now."""
    began_ms = int(time.time() * 1_000)
    newest = "SELECT toUnixTimestamp64Milli(max(event_time)) FROM market_tickers"

    async def kept() -> int:
        ((newest_ms,),) = (await client.query(newest)).result_rows
        return int(newest_ms) if newest_ms > began_ms else 0

    return int(await until(kept, CATCH_UP_S, "a new event to be kept"))


async def a_newer_document(websocket: ClientConnection) -> None:
    first = await until_document(websocket, lambda document: document["UpdatedAt"])
    await until_document(websocket, lambda document: document["UpdatedAt"] > first["UpdatedAt"])


async def exactly_kept(contours: Contours, client: AsyncClient, since_ms: int) -> list[tuple[str, int, Decimal]]:
    """What the exchange has sent since, if exactly that is there, once; else nothing."""
    rows = (
        "SELECT symbol, toUnixTimestamp64Milli(event_time), close_price FROM market_tickers FINAL "
        "WHERE event_time > fromUnixTimestamp64Milli({since:Int64}) AND source = 'simulator' ORDER BY ALL"
    )
    sent = sorted(record for record in await contours.journal() if record[1] > since_ms)
    kept = [tuple(row) for row in (await client.query(rows, {"since": since_ms})).result_rows]
    return sent if kept == sent else []


def expected_candles(interval: str, sent: list[tuple[str, int, Decimal]], since_ms: int) -> list[tuple[Any, ...]]:
    """Those of which the whole time lies after that moment."""
    seen = [Tick(symbol, at_ms, price, "simulator") for symbol, at_ms, price in sent]
    return [candle for candle in candles_of(seen, INTERVALS_S[interval]) if candle[2] > since_ms // 1_000]


async def until_candles(client: AsyncClient, interval: str, expected: list[tuple[Any, ...]], since_ms: int) -> None:
    rows = (
        f"SELECT source, symbol, toUnixTimestamp(time), open, high, low, close FROM candles_{interval} "
        "WHERE source = 'simulator' AND time > toDateTime({since:UInt32}, 'UTC') ORDER BY ALL"
    )

    async def are_kept() -> bool:
        kept = (await client.query(rows, {"since": since_ms // 1_000})).result_rows
        return [tuple(row) for row in kept] == expected

    await until(are_kept, 30, f"candles of {interval} of what was sent")
