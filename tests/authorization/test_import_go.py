"""Accounts of the Go original, brought over by the command."""

import asyncio
import sys

import asyncpg
import bcrypt
import pytest

from tests.authorization.client import PASSWORD, failure
from tests.authorization.conftest import Start
from tests.processes import Process

GO_SCHEMA = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, password text NOT NULL);
CREATE TABLE refresh_tokens (id bigserial PRIMARY KEY, hash_token text NOT NULL UNIQUE,
    exspires_at timestamptz NOT NULL, user_id bigint REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE);
"""
GO_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2a")).decode()


@pytest.fixture
async def go(database_url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(database_url)
    await connection.execute(GO_SCHEMA)
    return connection


async def run(command: list[str], target_url: str) -> tuple[int, str]:
    process = Process([sys.executable, "-m", "services.authorization", *command], {"DATABASE_URL": target_url}).start()
    assert process.popen is not None
    return await asyncio.to_thread(process.popen.wait, 120), process.output()


async def test_accounts_keep_their_numbers_and_passwords(
    go: asyncpg.Connection, database_url: str, migrated_url: str, start: Start, database: asyncpg.Connection
) -> None:
    await go.executemany("INSERT INTO users VALUES ($1, $2, $3)", [(3, "Ann", GO_HASH), (2000000000, "bob", GO_HASH)])
    dry = await run(["import-go", "--from", database_url, "--dry-run"], migrated_url)
    assert dry[0] == 0, dry[1]
    assert await database.fetchval("SELECT count(*) FROM accounts") == 0
    for added in (2, 0):
        code, output = await run(["import-go", "--from", database_url], migrated_url)
        assert code == 0, output
        assert f"{added} added, {2 - added} were there already" in output
    auth = (await start()).client
    assert (await auth.verify((await auth.login("ann")).access)).user_id == 3
    assert await auth.register("next") > 2000000000


async def test_one_wrong_row_and_nothing_is_imported(
    go: asyncpg.Connection, database_url: str, migrated_url: str, start: Start, database: asyncpg.Connection
) -> None:
    auth = (await start()).client
    taken_id = await auth.register("another user")
    rows = [
        (1 << 40, "Ann", GO_HASH),
        (1 << 41, "ann", GO_HASH),
        (5 << 40, "plain", "secret"),
        (6 << 40, " x", GO_HASH),
    ]
    await go.executemany("INSERT INTO users VALUES ($1, $2, $3)", [*rows, (taken_id, "other", GO_HASH)])
    code, output = await run(["import-go", "--from", database_url], migrated_url)
    assert code == 1
    for part in (
        f"{1 << 41}: 'ann' is the same name",
        "'plain': the password is no bcrypt",
        "' x'",
        "'other': another",
    ):
        assert part in output
    assert "Traceback" not in output
    assert GO_HASH not in output
    assert await database.fetchval("SELECT count(*) FROM accounts") == 1
    assert (await failure(auth.login("Ann"))).slug == "wrong_credentials"


@pytest.mark.parametrize(
    "source",
    [
        "postgresql://user:hidden@127.0.0.1:1/nowhere",
        "postgresql://user:hidden#1@127.0.0.1:1/nowhere",
        "postgresql://user:1?hidden@127.0.0.1:1/nowhere",
        "nonsense",
        "empty",
    ],
)
async def test_a_source_that_is_none_ends_in_a_sentence(source: str, database_url: str, migrated_url: str) -> None:
    url = database_url if source == "empty" else source
    code, output = await run(["import-go", "--from", url], migrated_url)
    assert code == 1
    assert output.startswith("nothing was imported: ")
    assert "Traceback" not in output
    assert "hidden" not in output


async def test_a_migration_on_the_go_originals_tables_ends_in_a_sentence(
    go: asyncpg.Connection, database_url: str
) -> None:
    code, output = await run(["migrate"], database_url)
    assert code == 1
    assert output.startswith('migrate: the database holds relation "refresh_tokens" that another program made')
    assert output.count("\n") == 1
    tables = await go.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row["tablename"] for row in tables} == {"users", "refresh_tokens"}


async def test_a_migration_on_another_programs_revision_ends_in_a_sentence(
    go: asyncpg.Connection, database_url: str
) -> None:
    await go.execute("CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('x')")
    code, output = await run(["migrate"], database_url)
    assert code == 1
    assert "Traceback" not in output
    assert "another program" in output
