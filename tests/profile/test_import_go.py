"""Portfolios of the Go original, brought over by the command."""

import asyncio
import sys
from decimal import Decimal

import asyncpg
import pytest

from tests.conftest import RunningPostgres
from tests.processes import Process
from tests.profile.conftest import migrated_database

GO_SCHEMA = """
CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE coins (id bigserial PRIMARY KEY, symbol text NOT NULL, quantity numeric(20, 8) NOT NULL,
    user_id bigint REFERENCES users ON DELETE CASCADE);
INSERT INTO users VALUES (1, 'Ann'), (7, 'bob'), (9, 'nothing');
INSERT INTO coins (symbol, quantity, user_id)
VALUES ('BTCUSDT', 0.00000001, 1), ('ethusdt', 123456789012.12345678, 1), ('btcusdt', 2, 7);
"""
PORTFOLIOS = "SELECT name, symbol, quantity FROM users LEFT JOIN coins ON users.id = user_id ORDER BY users.id, symbol"
ANN = [("Ann", "btcusdt", Decimal("0.00000001")), ("Ann", "ethusdt", Decimal("123456789012.12345678"))]


@pytest.fixture
async def go(database_url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(database_url)
    await connection.execute(GO_SCHEMA)
    return connection


@pytest.fixture
async def target_url(postgres_server: RunningPostgres) -> str:
    return await asyncio.to_thread(migrated_database, postgres_server, "profile")


async def run(command: list[str], target_url: str) -> tuple[int, str]:
    env = {"DATABASE_URL": target_url}
    process = Process([sys.executable, "-m", "services.profile", *command], env).start()
    assert process.popen is not None
    return await asyncio.to_thread(process.popen.wait, 120), process.output()


async def portfolios(url: str) -> list[tuple[str, str | None, Decimal | None]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(PORTFOLIOS)
    await connection.close()
    return [tuple(row) for row in rows]


async def test_portfolios_come_over_exactly_and_once(
    go: asyncpg.Connection, database_url: str, target_url: str
) -> None:
    code, output = await run(["import-go", "--from", database_url, "--dry-run"], target_url)
    assert code == 0, output
    assert await portfolios(target_url) == []
    for added in (3, 0):
        code, output = await run(["import-go", "--from", database_url], target_url)
        assert code == 0, output
        assert f"{added} added, {3 - added} were there already" in output
    assert await portfolios(target_url) == [*ANN, ("bob", "btcusdt", Decimal(2)), ("nothing", None, None)]


async def test_one_wrong_row_and_nothing_is_imported(
    go: asyncpg.Connection, database_url: str, target_url: str
) -> None:
    mine = await asyncpg.connect(target_url)
    await mine.execute("INSERT INTO users VALUES (7, 'not bob')")
    await mine.close()
    await go.execute(
        "INSERT INTO coins (symbol, quantity, user_id)"
        " VALUES ('btcusdt', 3, 1), ('solusdt', 0, 7), ('no symbol', 1, 7), ('xrpusdt', 1, NULL),"
        " ('adausdt', 'NaN', 7)"
    )
    code, output = await run(["import-go", "--from", database_url], target_url)
    assert code == 1
    for part in (
        "users.id 7: 'bob': the row of this id here belongs to 'not bob'",
        "(user 1, 'btcusdt'): the portfolio has this coin twice",
        "(user 7, 'solusdt'): quantity",
        "(user 7, 'no symbol'): symbol",
        "(user None, 'xrpusdt'): there is no such user",
        "(user 7, 'adausdt'): quantity",
    ):
        assert part in output
    assert "Traceback" not in output
    assert await portfolios(target_url) == [("not bob", None, None)]


async def test_a_migration_on_the_go_originals_tables_ends_in_a_sentence(
    go: asyncpg.Connection, database_url: str
) -> None:
    code, output = await run(["migrate"], database_url)
    assert code == 1
    assert output.startswith('migrate: the database holds relation "users" that another program made')
    assert output.count("\n") == 1
    assert await go.fetchval("SELECT count(*) FROM coins") == 3


async def test_a_portfolio_that_is_used_here_is_left_as_it_is(
    go: asyncpg.Connection, database_url: str, target_url: str
) -> None:
    mine = await asyncpg.connect(target_url)
    await mine.execute(
        "INSERT INTO users VALUES (7, 'bob'); INSERT INTO coins (user_id, symbol, quantity) VALUES (7, 'solusdt', 5)"
    )
    await mine.close()
    code, output = await run(["import-go", "--from", database_url], target_url)
    assert code == 0, output
    assert await portfolios(target_url) == [*ANN, ("bob", "solusdt", Decimal(5)), ("nothing", None, None)]
