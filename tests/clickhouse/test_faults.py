"""Kills, cut connections and floods: what was answered stays, what was not leaves nothing behind."""

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.local import clickhouse
from tests.clickhouse.conftest import ENDLESS, MEGABYTES, TABLE, Raw, in_own_database, open_insert, raw_client, running
from tests.clickhouse_server import RunningClickHouse, start_clickhouse, stop_clickhouse
from tests.processes import until


async def test_a_client_that_leaves_in_the_middle_of_an_insert_leaves_nothing(
    clickhouse_server: RunningClickHouse, raw: Raw
) -> None:
    await raw.post(TABLE)
    writer = await open_insert(clickhouse_server, raw.database, 3 * MEGABYTES)
    writer.transport.abort()
    assert (await raw.post("INSERT INTO t FORMAT CSV\n1,x\n")).status_code == 200
    assert await raw.value("SELECT count() FROM t") == "1"


@pytest.mark.parametrize("name", ["TabSeparated", "JSON"])
async def test_a_query_ends_when_its_client_leaves(clickhouse_server: RunningClickHouse, raw: Raw, name: str) -> None:
    asking = asyncio.create_task(raw.post(f"{ENDLESS} FORMAT {name}"))

    async def begun() -> bool:
        return await running(raw, "1e15") == 1

    async def gone() -> bool:
        return await running(raw, "1e15") == 0

    await until(begun)
    asking.cancel()
    await until(gone)
    assert "Traceback" not in clickhouse_server.process.output()


async def test_the_end_of_one_query_leaves_another_of_the_same_id_alone(raw: Raw) -> None:
    stays = asyncio.create_task(raw.post("SELECT sleep(3)", query_id="same"))
    leaves = asyncio.create_task(raw.post(ENDLESS, query_id="same"))

    async def begun() -> bool:
        return await running(raw, "1e15") + await running(raw, "sleep(3)") == 2

    await until(begun)
    leaves.cancel()
    assert (await stays).text == "0\n"


async def test_a_client_that_leaves_a_stream_half_read_ends_its_query(raw: Raw) -> None:
    async with raw.http.stream("POST", "/", content="SELECT number, 'half' FROM numbers(1e12)") as answer:
        parts = answer.aiter_raw()  # the name keeps it from being closed
        await anext(parts)
        assert await running(raw, "half") == 1

    async def gone() -> bool:
        return await running(raw, "half") == 0

    await until(gone)


async def test_what_was_answered_survives_a_kill_and_what_was_not_is_whole_or_absent(
    own_clickhouse: RunningClickHouse,
) -> None:
    async with raw_client(own_clickhouse) as http:
        database = await in_own_database(http)
        await http.post("/", content=TABLE)
        answered: list[int] = []

        async def write() -> None:
            for number in range(10_000):
                body = "INSERT INTO t FORMAT CSV\n" + f"{number},x\n" * 1000
                if (await http.post("/", content=body)).status_code == 200:
                    answered.append(number)

        for _ in range(3):
            goal = len(answered) + 20
            writing = asyncio.create_task(write())
            half = await open_insert(own_clickhouse, database, MEGABYTES)
            await until(lambda goal=goal: len(answered) >= goal)
            own_clickhouse.process.kill()
            with pytest.raises(httpx.HTTPError):
                await writing
            half.close()
            own_clickhouse.process.start()
            await clickhouse.wait_until_ready(own_clickhouse.server)
            found = (await http.post("/", content="SELECT a, count() % 1000 FROM t GROUP BY a FORMAT CSV")).text
            rows = dict(line.split(",") for line in found.splitlines())
            assert set(map(str, answered)) <= set(rows)
            assert set(rows.values()) == {"0"}, "half an insert"
            await http.post("/", content="TRUNCATE TABLE t")
            answered.clear()


async def test_a_frozen_server_goes_on_where_it_was(own_clickhouse: RunningClickHouse) -> None:
    async with raw_client(own_clickhouse) as http:
        await in_own_database(http)
        await http.post("/", content=TABLE)
        own_clickhouse.process.freeze()
        asking = asyncio.create_task(http.post("/", content="INSERT INTO t FORMAT CSV\n1,x\n"))
        done, _ = await asyncio.wait([asking], timeout=0.2)
        assert not done
        own_clickhouse.process.thaw()
        assert (await asking).status_code == 200
        assert (await http.post("/", content="SELECT count() FROM t")).text == "1\n"


async def test_a_stop_lets_running_requests_finish(own_clickhouse: RunningClickHouse) -> None:
    async with raw_client(own_clickhouse) as http:
        await in_own_database(http)
        await http.post("/", content=TABLE)
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"INSERT INTO t FORMAT CSV\n" + 3 * MEGABYTES  # more than fits between us: it must be read
            begun.set()
            await go_on.wait()
            yield b"100000,last\n"

        inserting = asyncio.create_task(http.post("/", content=slowly()))
        await begun.wait()
        own_clickhouse.process.send(signal.SIGTERM)
        await until(lambda: "service.stopping" in own_clickhouse.process.output())
        go_on.set()
        assert (await inserting).status_code == 200
        assert own_clickhouse.process.stop() == 0
        own_clickhouse.process.start()
        await clickhouse.wait_until_ready(own_clickhouse.server)
        assert (await http.post("/", content="SELECT count() FROM t")).text == "300001\n"


async def test_a_stop_ends_what_does_not_finish() -> None:
    server = await asyncio.to_thread(start_clickhouse, DRAIN_TIMEOUT_S="1")
    try:
        async with raw_client(server) as http:
            asking = asyncio.create_task(http.post("/", content=ENDLESS))
            raw = Raw(http, "default")

            async def begun() -> bool:
                return await running(raw, "1e15") == 1

            await until(begun)
            assert await asyncio.to_thread(server.process.stop) == 0
            with pytest.raises(httpx.HTTPError):
                (await asking).raise_for_status()
        assert "drain_timed_out" not in server.process.output()
    finally:
        await asyncio.to_thread(stop_clickhouse, server)


async def test_two_servers_never_share_their_data(own_clickhouse: RunningClickHouse) -> None:
    second = own_clickhouse.process.__class__(
        own_clickhouse.process.command, {**own_clickhouse.process.env, "HTTP_PORT": "0"}
    ).start()
    assert second.popen is not None
    assert await asyncio.to_thread(second.popen.wait, 60) == 1
    await clickhouse.check(own_clickhouse.server)
