"""What one request leaves behind for the next: nothing, except in a session what its own statements set."""

import asyncio
import secrets
from typing import Any

import pytest

from tests.clickhouse.conftest import ENDLESS, Raw, running
from tests.processes import until

THREADS = "SELECT getSetting('max_threads') = 3"


async def test_settings_of_a_request_are_its_own(raw: Raw) -> None:
    assert (await raw.post(THREADS, max_threads=3)).text == "1\n"
    for _ in range(3):  # on the same HTTP connection
        assert (await raw.post(THREADS)).text == "0\n"
    await raw.post("SET max_threads = 3")
    assert (await raw.post(THREADS)).text == "0\n"


async def test_the_database_and_temporary_tables_of_a_request_are_its_own(raw: Raw) -> None:
    assert (await raw.post("SELECT currentDatabase()")).text == f"{raw.database}\n"
    await raw.post("CREATE TEMPORARY TABLE mine (a UInt8)")
    assert (await raw.post("SELECT currentDatabase()", database="")).text == "default\n"
    assert (await raw.post("SELECT * FROM mine")).status_code == 404


@pytest.mark.parametrize("name", ["nonsense", "max_threads = 1, max_block_size", "x; DROP DATABASE crypto", ""])
async def test_what_is_no_setting_is_refused(raw: Raw, name: str) -> None:
    wrong: dict[str, Any] = {name: "1"}
    session: dict[str, Any] = {"session_id": secrets.token_hex(8)}
    for answer in (await raw.post("SELECT 1", **wrong), await raw.post("SELECT 1", **wrong, **session)):
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "115")
    assert (await raw.post("SELECT 1", **session)).text == "1\n"


async def test_a_settings_value_is_a_value(raw: Raw) -> None:
    value = "x', max_threads = 3, log_comment = '"
    assert (await raw.post(THREADS, format_csv_null_representation=value)).text == "0\n"


async def test_a_session_keeps_what_its_statements_set_and_not_what_stood_in_urls(raw: Raw) -> None:
    session: dict[str, Any] = {"session_id": secrets.token_hex(8)}
    other: dict[str, Any] = {"session_id": secrets.token_hex(8)}
    await raw.post("CREATE TEMPORARY TABLE mine AS SELECT 7 AS a", **session)
    await raw.post("SET max_threads = 3", **session)
    assert (await raw.post("SELECT a FROM mine", **session)).text == "7\n"
    assert (await raw.post(THREADS, max_threads=2, **session)).text == "0\n"
    assert (await raw.post(THREADS, **session)).text == "1\n"
    assert (await raw.post("SELECT * FROM mine", **other)).status_code == 404
    assert (await raw.post(THREADS, **other)).text == "0\n"


async def test_a_session_ends_on_request(raw: Raw) -> None:
    session: dict[str, Any] = {"session_id": secrets.token_hex(8)}
    assert (await raw.post("SELECT 1", session_check=1, **session)).headers["X-ClickHouse-Exception-Code"] == "372"
    await raw.post("SELECT 1", **session)
    assert (await raw.post("SELECT 1", session_check=1, close_session=1, **session)).text == "1\n"
    assert (await raw.post("SELECT 1", session_check=1, **session)).headers["X-ClickHouse-Exception-Code"] == "372"
    for timeout in ("4000", "9" * 5_000, "\u0663", "-1", ""):
        refused = await raw.post("SELECT 1", session_timeout=timeout, **session)
        assert refused.headers["X-ClickHouse-Exception-Code"] == "374", timeout


async def test_a_session_serves_one_request_at_a_time(raw: Raw) -> None:
    session: dict[str, Any] = {"session_id": secrets.token_hex(8)}
    await raw.post("CREATE TEMPORARY TABLE mine (a UInt8)", **session)
    asking = asyncio.create_task(raw.post(ENDLESS, **session))

    async def begun() -> bool:
        return await running(raw, "1e15") == 1

    await until(begun)
    assert (await raw.post("SELECT 1", **session)).headers.get("X-ClickHouse-Exception-Code") == "373"
    asking.cancel()

    async def free() -> bool:
        return (await raw.post("SELECT count() FROM mine", **session)).text == "0\n"

    await until(free)


async def test_a_session_is_whole_again_after_an_error(raw: Raw) -> None:
    session: dict[str, Any] = {"session_id": secrets.token_hex(8)}
    await raw.post("CREATE TEMPORARY TABLE mine (a UInt8)", **session)
    assert (await raw.post("INSERT INTO mine FORMAT CSV\nx\n", max_threads=3, **session)).status_code == 400
    assert (await raw.post("SELECT throwIf(1)", max_threads=3, **session)).status_code == 500
    assert (await raw.post(THREADS, **session)).text == "0\n"
    assert (await raw.post("SELECT count() FROM mine", **session)).text == "0\n"


async def test_settings_hold_for_an_insert_and_for_the_views_behind_it(raw: Raw) -> None:
    window = "SETTINGS non_replicated_deduplication_window = 100"
    await raw.post(f"CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a {window}")
    await raw.post(f"CREATE TABLE copies (a UInt32) ENGINE = MergeTree ORDER BY a {window}")
    await raw.post("CREATE MATERIALIZED VIEW to_copies TO copies AS SELECT a FROM t")
    settings: dict[str, Any] = {"deduplicate_blocks_in_dependent_materialized_views": 1}
    for number, token in enumerate(["first", "first", "second"]):
        insert = f"INSERT INTO t FORMAT CSV\n{number}\n"
        assert (await raw.post(insert, insert_deduplication_token=token, **settings)).status_code == 200
    assert await raw.value("SELECT groupArray(a) FROM (SELECT a FROM t ORDER BY a)") == "[0,2]"
    assert await raw.value("SELECT groupArray(a) FROM (SELECT a FROM copies ORDER BY a)") == "[0,2]"
