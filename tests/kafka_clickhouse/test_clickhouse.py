"""Which errors of ClickHouse are waited out, and which are a message's fault."""

import asyncio
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from services.kafka_clickhouse.clickhouse import answered, connect, translated
from services.kafka_clickhouse.errors import KafkaClickHouseError, RefusedError, StorageUnavailableError
from services.kafka_clickhouse.messages import TICKER_MESSAGES
from services.kafka_clickhouse.native import MARKET_TICKERS as TABLE
from services.kafka_clickhouse.storage import Store
from tests.backfill.running import connected, own_database
from tests.clickhouse_server import RunningClickHouse
from tests.kafka_clickhouse.pipeline import ticks
from tests.processes import free_port, until


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatabaseError("", code=6, name="CANNOT_PARSE_TEXT"), RefusedError),
        (DatabaseError("", code=407, name="DECIMAL_OVERFLOW"), RefusedError),
        (DatabaseError("", code=60, name="UNKNOWN_TABLE"), StorageUnavailableError),
        (DatabaseError("", code=241, name="MEMORY_LIMIT_EXCEEDED"), StorageUnavailableError),
        (DatabaseError("", code=243, name="NOT_ENOUGH_SPACE"), StorageUnavailableError),
        (DatabaseError("", code=252, name="TOO_MANY_PARTS"), StorageUnavailableError),
        (DatabaseError("", code=159, name="TIMEOUT_EXCEEDED"), StorageUnavailableError),
        (DatabaseError("", code=516, name="AUTHENTICATION_FAILED"), StorageUnavailableError),
        (DatabaseError("", code=99_999, name="SOMETHING_NEW"), StorageUnavailableError),
        (DatabaseError("HTTP driver received HTTP status 502"), StorageUnavailableError),
        (OperationalError("Network Error"), StorageUnavailableError),
        (TimeoutError(), StorageUnavailableError),
        (ConnectionResetError(), StorageUnavailableError),
    ],
)
def test_only_what_is_wrong_with_the_values_is_not_waited_for(
    error: Exception, kind: type[KafkaClickHouseError]
) -> None:
    assert type(translated(error)) is kind


@pytest.fixture
async def url(clickhouse_server: RunningClickHouse) -> AsyncIterator[str]:
    async with own_database(clickhouse_server) as made:
        yield made


async def test_a_server_that_is_not_there_is_down() -> None:
    with pytest.raises(StorageUnavailableError):
        await connect(f"http://crypto:x@127.0.0.1:{free_port()}/crypto")


async def test_a_cancellation_is_heard_also_while_a_connection_that_failed_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    close = aiohttp.ClientSession.close

    async def cancelled_meanwhile(session: aiohttp.ClientSession) -> None:
        connecting.cancel()
        await asyncio.sleep(0)
        await close(session)

    monkeypatch.setattr(aiohttp.ClientSession, "close", cancelled_meanwhile)
    connecting = asyncio.create_task(connect(f"http://crypto:x@127.0.0.1:{free_port()}/crypto"))
    with pytest.raises(asyncio.CancelledError):
        await connecting


async def test_a_wrong_password_is_retried_until_it_is_put_right(url: str) -> None:
    with pytest.raises(StorageUnavailableError, match="516"):
        await connect(url.replace("crypto:", "crypto:not", 1))


async def test_a_block_that_cannot_be_parsed_is_refused(url: str) -> None:
    async with connected(url) as client:
        messages, _ = TICKER_MESSAGES.decode([tick.value for tick in ticks(2)])
        messages[1].c = "6_8123"
        with pytest.raises(RefusedError):
            async with answered():
                await client.raw_insert(TABLE.name, TABLE.columns, TABLE.encode(messages), fmt="Native")


async def test_candles_that_a_broken_insert_did_not_reach_are_made_by_its_repetition(url: str) -> None:
    store = Store(url, 30)
    messages, _ = TICKER_MESSAGES.decode([tick.value for tick in ticks(3)])
    await store.insert(TABLE, TABLE.encode(messages), "token")
    async with connected(url) as client:
        await client.command("TRUNCATE TABLE candles_1m_states")  # as if the engine had died before it came to them
        await store.insert(TABLE, TABLE.encode(messages), "token")
        assert (await client.query("SELECT count() FROM candles_1m")).result_rows == [(3,)]
        assert (await client.query(f"SELECT count() FROM {TABLE.name}")).result_rows == [(3,)]
    await store.close()


async def test_readiness_asks_again_when_no_insert_is_tried_any_more(url: str) -> None:
    store = Store(f"http://crypto:x@127.0.0.1:{free_port()}/crypto", 30)
    trying = asyncio.create_task(store.insert(TABLE, b"", "token"))
    await until(lambda: fails(store), what="the insert to fail")
    store.url = url  # ClickHouse is back
    trying.cancel()
    await asyncio.wait([trying])
    await store.check()
    await store.close()


async def fails(store: Store) -> bool:
    try:
        await store.check()
    except StorageUnavailableError:
        return True
    return False


async def test_a_proxy_of_the_environment_does_not_stand_between(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "elsewhere")
    async with connected(url) as client:
        assert (await client.query("SELECT 1")).result_rows == [(1,)]
    assert os.environ["no_proxy"].split(",")[0] == "elsewhere"
