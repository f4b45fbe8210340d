"""Dependencies that die, freeze and come back: UNAVAILABLE in time, no access meanwhile, recovery without help."""

import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterable

import asyncpg
import pytest
from grpc import StatusCode
from redis.asyncio import Redis
from structlog.testing import capture_logs

from deploy.local import postgres, redis
from proto.auth_pb2 import TokenResponse
from services.authorization.__main__ import MIGRATIONS
from services.common.migrations import upgrade
from tests.authorization.client import AuthClient, Failure, failure, session_of
from tests.authorization.conftest import Start
from tests.conftest import RunningPostgres, RunningRedis
from tests.processes import until
from tests.refused_writes import REFUSALS, fill_disk_under, make_room_under, refuse_to_store, store_again


def is_unavailable(refused: Failure) -> bool:
    return (refused.status, refused.slug) == (StatusCode.UNAVAILABLE, "unavailable")


@pytest.fixture
async def own_database_url(own_postgres: RunningPostgres) -> str:
    url = await postgres.ensure_database(own_postgres.server, "authorization_test", secrets.token_hex(8))
    await upgrade(url, MIGRATIONS)
    return url


async def every_call_fails(auth: AuthClient, mine: TokenResponse, other: TokenResponse) -> list[Failure]:
    calls = [
        auth.register("another"),
        auth.login("myuser"),
        auth.login("nobody"),
        auth.refresh(mine.refresh, address="192.0.2.1"),
        auth.logout(other.refresh),
        auth.revoke_session(mine.access, session_of(other.access)),
        auth.delete_account(mine.access),
    ]
    return [await failure(call) for call in calls]


async def test_survives_a_restart_of_postgresql(
    own_postgres: RunningPostgres, own_database_url: str, start: Start
) -> None:
    running = await start(database_url=own_database_url)
    auth = running.client
    await auth.register("myuser")
    mine, other = await auth.login("myuser"), await auth.login("myuser")
    own_postgres.process.stop(signal.SIGINT)
    assert all(map(is_unavailable, await every_call_fails(auth, mine, other)))
    assert is_unavailable(await failure(auth.verify(mine.access)))
    assert is_unavailable(await failure(auth.list_sessions(mine.access)))
    assert set(await running.life.health.problems()) == {"database"}
    own_postgres.process.start()
    await postgres.wait_until_ready(own_postgres.server)
    await auth.verify((await auth.refresh(mine.refresh)).access)
    assert await running.life.health.problems() == {}


async def test_a_frozen_postgresql_is_reported_within_the_deadline(
    own_postgres: RunningPostgres, own_database_url: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = (await start(database_url=own_database_url)).client
    await auth.register("myuser")
    access = (await auth.login("myuser")).access
    frozen = [own_postgres.process.pid, *await _backends(own_database_url)]
    monkeypatch.setattr("tests.authorization.client.DEADLINE_S", 5.0)
    _signal(frozen, signal.SIGSTOP)
    try:
        results = await asyncio.gather(*(failure(auth.verify(access)) for _ in range(30)))
    finally:
        _signal(frozen, signal.SIGCONT)
    assert all(map(is_unavailable, results))
    monkeypatch.setattr("tests.authorization.client.DEADLINE_S", 20.0)
    assert (await auth.verify(access)).name == "myuser"


async def test_without_redis_nothing_is_let_through(own_redis: RunningRedis, start: Start) -> None:
    running = await start(redis_url=own_redis.url)
    auth = running.client
    await auth.register("myuser")
    mine, other = await auth.login("myuser"), await auth.login("myuser")
    own_redis.process.kill()
    assert all(map(is_unavailable, await every_call_fails(auth, mine, other)))
    assert set(await running.life.health.problems()) == {"redis"}
    own_redis.process.start()
    await redis.wait_until_ready(own_redis.server)
    await auth.delete_account(mine.access)
    assert await running.life.health.problems() == {}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_redis_that_refuses_to_store_locks_out_no_session(
    own_redis: RunningRedis, start: Start, refusal: str
) -> None:
    """OOM, NOREPLICAS, READONLY, MISCONF: no login and no end of a session is confirmed; refreshing goes on."""
    running = await start(redis_url=own_redis.url, announce_interval_s=0.05)
    auth = running.client
    await auth.register("myuser")
    mine, ended = [await auth.login("myuser", address="192.0.2.1") for _ in range(2)]
    async with Redis.from_url(own_redis.url, protocol=2) as client:
        await refuse_to_store(client, refusal)
        for call in (auth.login("myuser"), auth.register("another", address="192.0.2.1")):
            refused = await failure(call)
            assert (refused.status, refused.slug) == (StatusCode.UNAVAILABLE, "store_refuses")
        assert (await running.life.health.problems())["storage"].startswith("redis refused to store: disk full")
        mine = await auth.refresh(mine.refresh, address="192.0.2.1")
        await auth.verify(mine.access)
        refused = await failure(auth.logout(ended.refresh))
        assert (refused.status, refused.slug) == (StatusCode.UNAVAILABLE, "store_refuses")
        await store_again(client, refusal)
        key = f"auth:revoked:session:{session_of(ended.access)}"
        await until(lambda: _all_exist(client, [key]), what="the announcement once Redis stores again")
    await auth.login("myuser")
    assert await running.life.health.problems() == {}


async def test_a_full_disk_under_postgresql_promises_no_session(
    own_postgres: RunningPostgres, own_database_url: str, start: Start
) -> None:
    """No session is confirmed that is not stored; readiness names the disk; with room, the next login is served."""
    running = await start(database_url=own_database_url)
    auth = running.client
    await auth.register("myuser")
    mine = await auth.login("myuser")
    await fill_disk_under("refresh_tokens", own_postgres, own_database_url)
    refused = await failure(auth.login("myuser"))
    assert (refused.status, refused.slug) == (StatusCode.UNAVAILABLE, "store_refuses")
    assert await running.life.health.problems() == {
        "storage": "database refused to store: disk full, out of memory or read-only"
    }
    assert len((await auth.list_sessions(mine.access)).sessions) == 1, "the session that was refused is not there"
    await make_room_under("refresh_tokens", own_database_url)
    mine = await auth.login("myuser")
    assert await running.life.health.problems() == {}
    assert (await auth.verify(mine.access)).name == "myuser"
    await auth.refresh(mine.refresh)


async def test_a_database_that_can_only_be_read_is_named_too(
    own_postgres: RunningPostgres, own_database_url: str, start: Start
) -> None:
    """What hosts make of a database whose disk is full, and what a standby is."""
    connection = await asyncpg.connect(own_database_url)
    await connection.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
    auth = (await start(database_url=own_database_url)).client
    refused = await failure(auth.register("myuser"))
    assert (refused.status, refused.slug) == (StatusCode.UNAVAILABLE, "store_refuses")
    await connection.close()


async def test_a_frozen_redis_is_reported_within_the_deadline(
    own_redis: RunningRedis, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = (await start(redis_url=own_redis.url)).client
    await auth.register("myuser")
    monkeypatch.setattr("tests.authorization.client.DEADLINE_S", 5.0)
    own_redis.process.freeze()
    try:
        refused = await failure(auth.login("myuser"))
    finally:
        own_redis.process.thaw()
    assert is_unavailable(refused)
    monkeypatch.setattr("tests.authorization.client.DEADLINE_S", 20.0)
    await auth.login("myuser")


async def test_what_redis_did_not_hear_the_callers_repetition_finishes(own_redis: RunningRedis, start: Start) -> None:
    auth = (await start(redis_url=own_redis.url)).client
    user_id = await auth.register("myuser")
    ended, revoked, mine = [await auth.login("myuser") for _ in range(3)]
    own_redis.process.kill()
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        f"session:{session_of(ended.access)}": lambda: auth.logout(ended.refresh),
        f"session:{session_of(revoked.access)}": lambda: auth.revoke_session(
            revoked.access, session_of(revoked.access)
        ),
        f"user:{user_id}": lambda: auth.delete_account(mine.access),
    }
    for revoked_key, call in calls.items():
        assert is_unavailable(await failure(call()))
        own_redis.process.start()
        await redis.wait_until_ready(own_redis.server)
        async with Redis.from_url(own_redis.url, protocol=2) as client:
            await client.flushall()
            await call()
            assert await client.exists(f"auth:revoked:{revoked_key}") == 1
        own_redis.process.kill()


async def test_the_sweep_announces_what_redis_missed_or_lost(own_redis: RunningRedis, start: Start) -> None:
    auth = (await start(redis_url=own_redis.url, announce_interval_s=0.05)).client
    user_id = await auth.register("myuser")
    ended, mine = await auth.login("myuser"), await auth.login("myuser")
    own_redis.process.kill()
    assert is_unavailable(await failure(auth.logout(ended.refresh)))
    assert is_unavailable(await failure(auth.delete_account(mine.access)))
    own_redis.process.start()
    await redis.wait_until_ready(own_redis.server)
    keys = [f"auth:revoked:session:{session_of(ended.access)}", f"auth:revoked:user:{user_id}"]
    async with Redis.from_url(own_redis.url, protocol=2) as client, client.pubsub() as channel:
        await until(lambda: _all_exist(client, keys), what="the announcement after Redis came back")
        await channel.subscribe("auth:revocations")
        await client.flushall()
        await until(lambda: _all_exist(client, keys), what="the announcement of what Redis lost")
        messages = [await channel.get_message(timeout=5) for _ in range(3)]
    assert [message["type"] for message in messages if message] == ["subscribe", "message", "message"]


async def test_details_of_a_fault_stay_in_the_log(database_url: str, start: Start) -> None:
    await upgrade(database_url, MIGRATIONS)
    auth = (await start(database_url=database_url)).client
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE accounts RENAME COLUMN password_hash TO something_else")
    await connection.close()
    with capture_logs() as logged:
        refused = await failure(auth.register("myuser"))
    assert [(entry["event"], entry["method"], entry["exc_info"]) for entry in logged] == [
        ("rpc.failed", "Register", True)
    ]
    assert (refused.status, refused.slug, refused.sentence) == (
        StatusCode.INTERNAL,
        "internal",
        "something went wrong",
    )


async def _backends(url: str) -> list[int]:
    """The server processes behind the connections of this database, but for our own."""
    connection = await asyncpg.connect(url)
    query = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    pids = [row["pid"] for row in await connection.fetch(query)]
    await connection.close()
    return pids


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


async def _all_exist(client: Redis, keys: list[str]) -> bool:
    return await client.exists(*keys) == len(keys)
