"""The database's life: migrations, and rows whose time is over."""

import asyncio
import sys

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from grpc import StatusCode
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from services.authorization.__main__ import MIGRATIONS
from services.authorization.schema import metadata
from services.authorization.sweeps import PURGE_BATCH
from services.common.migrations import upgrade
from tests.authorization.client import AuthClient, failure
from tests.authorization.conftest import Start
from tests.processes import Process, until


def migrate(database_url: str) -> Process:
    return Process([sys.executable, "-m", "services.authorization", "migrate"], {"DATABASE_URL": database_url})


async def test_two_migrations_at_once_both_succeed(database_url: str) -> None:
    runners = [migrate(database_url).start() for _ in range(2)]
    for runner in runners:
        assert runner.popen is not None
        assert await asyncio.to_thread(runner.popen.wait, 60) == 0, runner.output()


async def test_the_migrations_make_what_the_service_expects(migrated_url: str) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    engine = create_async_engine(migrated_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_without_its_tables_the_service_is_not_ready(database_url: str, start: Start) -> None:
    running = await start(database_url=database_url)
    assert set(await running.life.health.problems()) == {"database"}
    assert (await failure(running.client.login("myuser"))).status is StatusCode.UNAVAILABLE
    await upgrade(database_url, MIGRATIONS)
    assert await running.life.health.problems() == {}


async def test_purges_what_was_unused_for_the_idle_time_and_nothing_else(
    start: Start, database: asyncpg.Connection
) -> None:
    auth = (await start(purge_interval_s=0.05, session_idle_s=86_400)).client
    user_id = await auth.register("myuser")
    living, ended = await auth.login("myuser"), await auth.login("myuser")
    await auth.logout(ended.refresh)
    await database.execute(
        "INSERT INTO sessions (id, user_id, expires_at, last_used_at)"
        " SELECT gen_random_uuid(), $1, now() + interval '1 day', now() - interval '2 days'"
        " FROM generate_series(1, $2)",
        user_id,
        2 * PURGE_BATCH + 1,
    )
    await database.execute("INSERT INTO revocations (user_id, revoked_at) VALUES (1, now() - interval '1 hour')")

    async def purged() -> bool:
        counts = [await database.fetchval(f"SELECT count(*) FROM {table}") for table in ("sessions", "revocations")]
        return counts == [2, 1]

    await until(purged, what="the purge")
    await auth.refresh(living.refresh)
    await auth.logout(ended.refresh)


NEVER_MORE_THAN = """
    CREATE FUNCTION refuse_many() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM gone) > {0} THEN RAISE EXCEPTION 'too many at once' USING ERRCODE = '57014'; END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER refuse_many AFTER DELETE ON refresh_tokens REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_many()
"""
"""In the place of a statement that cannot delete all of a session's tokens before its deadline (57014)."""


async def test_a_session_with_any_number_of_tokens_is_purged_in_bounded_pieces(database_url: str, start: Start) -> None:
    await upgrade(database_url, MIGRATIONS)
    running = await start(database_url=database_url, purge_interval_s=0.05)
    await running.client.register("myuser")
    await running.client.login("myuser")
    connection = await asyncpg.connect(database_url)
    await connection.execute(NEVER_MORE_THAN.format(PURGE_BATCH))
    await connection.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id)"
        " SELECT sha256(n::text::bytea), sessions.id FROM sessions, generate_series(1, $1) AS n",
        3 * PURGE_BATCH,
    )
    await connection.execute("UPDATE sessions SET last_used_at = now() - interval '15 days'")
    await connection.execute("INSERT INTO revocations (user_id, revoked_at) VALUES (1, now() - interval '1 hour')")

    async def purged() -> bool:
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("sessions", "refresh_tokens", "revocations")
        ]
        return counts == [0, 0, 0]

    await until(purged, what="the purge")
    await connection.close()


async def test_a_purged_session_is_over(start: Start, database: asyncpg.Connection) -> None:
    auth: AuthClient = (await start(purge_interval_s=0.05)).client
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    await database.execute("UPDATE sessions SET last_used_at = now() - interval '15 days'")

    async def purged() -> bool:
        return bool(await database.fetchval("SELECT count(*) = 0 FROM refresh_tokens"))

    await until(purged, what="the purge")
    assert (await failure(auth.refresh(tokens.refresh))).slug == "invalid_refresh_token"
    assert (await failure(auth.verify(tokens.access))).slug == "invalid_access_token"
