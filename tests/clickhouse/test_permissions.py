"""What neither user can do: reach files, addresses, the system's tables or another database, in any disguise."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local import clickhouse
from tests.clickhouse.attacks import (
    DISGUISES,
    FILES_AS_TABLES,
    FORBIDDEN,
    FORBIDDEN_DATA,
    NOT_FOR_THE_READER,
    OUTSIDE,
)
from tests.clickhouse.conftest import Raw
from tests.clickhouse_server import RunningClickHouse
from tests.processes import REPOSITORY

REFUSED = {"115", "48", "62", "358", "452", "456", "497"}
"""Unknown setting or parameter, not implemented, no such syntax, no files, no grant."""
UNKNOWN_TABLE = "60"

NESTABLE = [
    disguise for disguise in DISGUISES if disguise.upper().startswith(("SELECT", "WITH")) and ";" not in disguise
]
PARAMS = {"param_d": "system", "param_t": "users", "param_f": "file"}


@dataclass(frozen=True, slots=True)
class User:
    """One of the two users, in the test's own database with a table `t`."""

    http: httpx.AsyncClient
    database: str

    async def code(self, sql: str, **params: str) -> str:
        """The exception's code; an empty text for a success."""
        answer = await self.http.post("/", content=sql, params={"database": self.database, **params})
        return str(answer.headers.get("X-ClickHouse-Exception-Code", ""))


def reader_client(server: RunningClickHouse) -> httpx.AsyncClient:
    """Plain HTTP with the reader's password."""
    return httpx.AsyncClient(base_url=server.reader_url.removesuffix("/crypto"), timeout=60, trust_env=False)


@pytest.fixture(params=["writer", "reader"])
async def user(request: pytest.FixtureRequest, clickhouse_server: RunningClickHouse, raw: Raw) -> AsyncIterator[User]:
    await raw.post("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    async with reader_client(clickhouse_server) as reader:
        yield User(raw.http if request.param == "writer" else reader, raw.database)


async def test_no_statement_leaves_the_database(user: User) -> None:
    statements = FORBIDDEN + FORBIDDEN_DATA
    codes = {sql: await user.code(sql, **PARAMS) for sql in statements}
    assert {sql: code for sql, code in codes.items() if code not in REFUSED} == {}
    assert {await user.code(sql) for sql in FILES_AS_TABLES} <= {UNKNOWN_TABLE, *REFUSED}


async def test_a_source_is_refused_in_every_disguise(user: User) -> None:
    sources = [OUTSIDE[number % len(OUTSIDE)] for number in range(max(len(DISGUISES), len(OUTSIDE)))]
    places = [DISGUISES[number % len(DISGUISES)] for number in range(len(sources))]
    codes = {sql: await user.code(sql) for sql in map(str.replace, places, ["{}"] * len(places), sources)}
    assert {sql: code for sql, code in codes.items() if code not in REFUSED} == {}


async def test_every_other_table_function_is_refused(raw: Raw) -> None:
    names = (await raw.value("SELECT arrayStringConcat(groupArray(name), ' ') FROM system.table_functions")).split()
    codes = {name.lower(): (await raw.post(f"SELECT * FROM {name}('a', 'b', 'c')")).headers for name in names}
    allowed = {name for name, code in codes.items() if code.get("X-ClickHouse-Exception-Code") not in REFUSED}
    assert allowed == {
        *("numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "primes"),
        *("values", "generaterandom", "null"),
    }


async def test_every_engine_that_keeps_rows_elsewhere_is_refused(raw: Raw) -> None:
    names = (await raw.value("SELECT arrayStringConcat(groupArray(name), ' ') FROM system.table_engines")).split()
    made = {
        name: (await raw.post(f"CREATE TABLE f (a UInt8) ENGINE = {name}('a', 'b', 'c')")).headers for name in names
    }
    allowed = {name for name, code in made.items() if code.get("X-ClickHouse-Exception-Code") not in REFUSED}
    assert {name for name in allowed if not name.endswith("MergeTree")} == {
        "Memory",
        "Null",
        "View",
        "MaterializedView",
    }
    assert not any(name.startswith("Replicated") for name in allowed)


async def test_expressions_in_values_are_checked_or_not_evaluated(raw: Raw) -> None:
    await raw.post("CREATE TABLE t (a UInt64) ENGINE = Memory")
    secret = "length(file('/etc/passwd'))"
    attempts: list[tuple[str, dict[str, Any]]] = [
        (f"(1), ({secret})", {}),
        (f"(1) ({secret})", {}),
        (f"({{b:UInt8}}), ({secret})", {"param_b": 1}),
    ]
    for rows, more in attempts:
        assert (await raw.post(f"INSERT INTO t VALUES {rows}", **more)).status_code in (403, 500)
    assert (await raw.post("INSERT INTO t VALUES (length('abc'))")).status_code == 200
    many = ",".join(["(1)"] * 100_000)
    assert (await raw.post(f"INSERT INTO t VALUES {many}")).status_code == 200
    assert (await raw.post(f"INSERT INTO t VALUES {many}, ({secret})")).status_code == 500
    assert await raw.value("SELECT sum(a) FROM t") == "100003"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=st.sampled_from(OUTSIDE),
    disguises=st.lists(st.sampled_from(NESTABLE), min_size=1, max_size=3),
    blanks=st.sampled_from([" ", "\n", "\t", "/**/", " -- x\n", "\u00a0"]),
    upper=st.booleans(),
)  # fmt: skip
def test_a_source_is_refused_in_disguises_within_disguises(
    clickhouse_server: RunningClickHouse, source: str, disguises: list[str], blanks: str, upper: bool
) -> None:
    sql = source
    for number, disguise in enumerate(disguises):
        sql = disguise.replace("{}", sql if not number else f"({sql})")
    sql = sql.replace(" FROM ", f"{blanks}FROM{blanks}").replace("SELECT", "SELECT" if upper else "sElEcT")
    answer = httpx.post(clickhouse_server.reader_url, content=sql, timeout=60, trust_env=False)
    assert answer.headers.get("X-ClickHouse-Exception-Code") in REFUSED


async def test_the_reader_only_reads(raw: Raw, clickhouse_server: RunningClickHouse) -> None:
    await raw.post("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    await raw.post("INSERT INTO t VALUES (7)")
    async with httpx.AsyncClient(
        base_url=clickhouse_server.reader_url.removesuffix("/crypto"), trust_env=False
    ) as http:
        reader = User(http, raw.database)
        codes = {sql: await reader.code(sql, session_id="same") for sql in NOT_FOR_THE_READER}
        assert {sql: code for sql, code in codes.items() if code not in REFUSED} == {}
        answer = await http.post("/", content="SELECT a FROM t", params={"database": raw.database})
        assert answer.text == "7\n"
        limit = await http.post(
            "/", content="SELECT getSetting('max_execution_time')", params={"max_execution_time": "9999"}
        )
        assert limit.text == "60\n"


async def test_neither_user_finds_the_others_session(raw: Raw, clickhouse_server: RunningClickHouse) -> None:
    await raw.post("CREATE TEMPORARY TABLE mine (a UInt8)", session_id="one")
    async with httpx.AsyncClient(
        base_url=clickhouse_server.reader_url.removesuffix("/crypto"), trust_env=False
    ) as http:
        assert await User(http, raw.database).code("SELECT * FROM mine", session_id="one") == "60"
    assert (await raw.post("SELECT * FROM mine", session_id="one", close_session=1)).status_code == 200


_ALONE = """
import json, sys
from pathlib import Path
from deploy.local.clickhouse.access import Role
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.errors import DatabaseError

engine = Engine(Path(sys.argv[1]), {}, ["crypto"])
engine.create_database("crypto")
statements, done = json.load(sys.stdin), []
for sql in statements:
    for role in Role:
        connection = engine.connect(role)
        try:
            connection.query(sql, "Null")
            done.append(sql)
        except DatabaseError:
            pass
        connection.close()
print(json.dumps(done))
"""
_MADE_HERE = ("fuzzJSON", "eval", "viewExplain", "input", "merge", "dictionary")
"""Refused by the list alone: they reach nothing by themselves."""
_GRANTED_TO_NEITHER = (
    "CREATE D",
    "CREATE U",
    "CREATE N",
    "DROP",
    "SYSTEM",
    "BACKUP",
    "RESTORE",
    "GRANT",
    "SELECT * FROM system.users",
)


def test_the_engines_grants_hold_alone(tmp_path: Path) -> None:
    """Were a statement to slip through the list, the engine would refuse it by itself."""
    if not clickhouse.available():
        pytest.skip("no ClickHouse engine for this platform")
    sources = [f"SELECT * FROM {source}" for source in OUTSIDE if not source.startswith(_MADE_HERE)]
    ran = subprocess.run(
        [sys.executable, "-c", _ALONE, str(tmp_path / "data")],
        input=json.dumps(sources + [sql for sql in FORBIDDEN if sql.startswith(_GRANTED_TO_NEITHER)] + FILES_AS_TABLES),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        cwd=REPOSITORY,
    )
    assert json.loads(ran.stdout) == []
