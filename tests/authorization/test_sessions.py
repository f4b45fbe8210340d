"""Refresh tokens, their families, and the list of sessions, over a real connection."""

import asyncio

import asyncpg
import pytest
from grpc import StatusCode
from redis.asyncio import Redis

from services.authorization.sessions import GRACE_USES_MAX
from tests.authorization.client import AuthClient, Failure, failure, session_of
from tests.authorization.conftest import Start

SPEND_LONG_AGO = "UPDATE refresh_tokens SET spent_at = spent_at - interval '11 seconds' WHERE spent_at IS NOT NULL"


async def refused(auth: AuthClient, token: str | None, user_id: str | None = None) -> Failure:
    result = await failure(auth.refresh(token, user_id))
    assert (result.status, result.slug) == (StatusCode.UNAUTHENTICATED, "invalid_refresh_token")
    return result


async def test_a_refresh_keeps_the_session_and_replaces_the_token(auth: AuthClient) -> None:
    user_id = await auth.register("myuser")
    first = await auth.login("myuser")
    second = await auth.refresh(first.refresh)
    third = await auth.refresh(second.refresh, str(user_id))
    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert session_of(first.access) == session_of(third.access)
    assert (await auth.verify(third.access)).user_id == user_id


async def test_reuse_of_a_spent_token_ends_the_family_and_only_it(
    auth: AuthClient, database: asyncpg.Connection, redis: Redis
) -> None:
    await auth.register("myuser")
    stolen, other = await auth.login("myuser"), await auth.login("myuser")
    mine = await auth.refresh(stolen.refresh)
    await database.execute(SPEND_LONG_AGO)
    await refused(auth, stolen.refresh)
    await refused(auth, mine.refresh)
    assert (await failure(auth.verify(mine.access))).slug == "invalid_access_token"
    assert await redis.exists(f"auth:revoked:session:{session_of(mine.access)}") == 1
    assert 900 <= await redis.ttl(f"auth:revoked:session:{session_of(mine.access)}") <= 960
    await auth.refresh(other.refresh)


async def test_reuse_of_an_ancestor_ends_the_family(auth: AuthClient, database: asyncpg.Connection) -> None:
    await auth.register("myuser")
    tokens = [(await auth.login("myuser")).refresh]
    for _ in range(5):
        tokens.append((await auth.refresh(tokens[-1])).refresh)
    await database.execute(SPEND_LONG_AGO)
    await refused(auth, tokens[1])
    await refused(auth, tokens[-1])


async def test_two_tabs_that_refresh_at_once_both_go_on(auth: AuthClient) -> None:
    await auth.register("myuser")
    start = await auth.login("myuser")
    tabs = await asyncio.gather(*(auth.refresh(start.refresh) for _ in range(4)))
    assert len({tab.refresh for tab in tabs}) == 4
    again = await asyncio.gather(*(auth.refresh(tab.refresh) for tab in tabs))
    assert {session_of(tab.access) for tab in again} == {session_of(start.access)}


async def test_two_lines_of_one_token_end_the_session_once_the_grace_is_over(
    auth: AuthClient, database: asyncpg.Connection, redis: Redis
) -> None:
    """A thief who refreshes within the grace is noticed when both have gone on, in either order."""
    await auth.register("myuser")
    for depth in (1, 2):
        stolen = await auth.login("myuser")
        mine, theirs = [await auth.refresh(stolen.refresh) for _ in range(2)]
        for _ in range(depth - 1):
            mine, theirs = [await auth.refresh(line.refresh) for line in (mine, theirs)]
        await database.execute(SPEND_LONG_AGO)
        mine = await auth.refresh(mine.refresh)
        await refused(auth, theirs.refresh)
        await refused(auth, mine.refresh)
        assert await redis.exists(f"auth:revoked:session:{session_of(mine.access)}") == 1


async def test_an_answer_that_got_lost_within_the_grace_costs_nothing(
    auth: AuthClient, database: asyncpg.Connection
) -> None:
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    for _ in range(3):
        await auth.refresh(tokens.refresh)
        tokens = await auth.refresh(tokens.refresh)
        await database.execute(SPEND_LONG_AGO)
    await auth.refresh(tokens.refresh)


async def test_a_login_ends_the_session_of_the_token_it_brings(auth: AuthClient, redis: Redis) -> None:
    for name in ("one", "two"):
        await auth.register(name)
    for name in ("one", "two"):
        old = await auth.login("one")
        other = await auth.login("one")
        new = (await auth.login_with(name, x_refresh_token=old.refresh)).tokens
        await refused(auth, old.refresh)
        assert await redis.exists(f"auth:revoked:session:{session_of(old.access)}") == 1
        await auth.refresh(new.refresh)
        await auth.refresh(other.refresh)


async def test_a_login_that_fails_ends_nothing(auth: AuthClient) -> None:
    await auth.register("myuser")
    old = await auth.login("myuser")
    await failure(auth.login_with("myuser", "wrong password", x_refresh_token=old.refresh))
    await auth.login_with("myuser", x_refresh_token="unknown")
    await auth.refresh(old.refresh)


async def test_without_grace_one_of_two_tabs_ends_the_family(start: Start) -> None:
    auth = (await start(refresh_grace_s=0)).client
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    results = await asyncio.gather(*(auth.refresh(tokens.refresh) for _ in range(2)), return_exceptions=True)
    winner = next(result for result in results if not isinstance(result, BaseException))
    await refused(auth, winner.refresh)


async def test_the_grace_is_bounded(auth: AuthClient) -> None:
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    heirs = [await auth.refresh(tokens.refresh) for _ in range(GRACE_USES_MAX + 1)]
    await refused(auth, tokens.refresh)
    await refused(auth, heirs[-1].refresh)


async def test_everything_wrong_with_a_refresh_looks_the_same(auth: AuthClient, database: asyncpg.Connection) -> None:
    user_id = await auth.register("myuser")
    live, spent, over, idle, ended = [await auth.login("myuser") for _ in range(5)]
    await auth.refresh(spent.refresh)
    await database.execute(SPEND_LONG_AGO)
    shift = "UPDATE sessions SET {0} = now() - interval '15 days' WHERE id = $1"
    await database.execute(shift.format("expires_at"), session_of(over.access))
    await database.execute(shift.format("last_used_at"), session_of(idle.access))
    await auth.logout(ended.refresh)
    seen = [
        await refused(auth, None),
        await refused(auth, ""),
        await refused(auth, "x" * 4000),
        await refused(auth, live.access),
        await refused(auth, spent.refresh),
        await refused(auth, over.refresh),
        await refused(auth, idle.refresh),
        await refused(auth, ended.refresh),
        await refused(auth, live.refresh, str(user_id + 1)),
        await refused(auth, live.refresh, "nonsense"),
    ]
    assert all(each == seen[0] for each in seen)
    live = await auth.refresh(live.refresh, str(user_id))
    await auth.refresh(live.refresh, "0")


async def test_use_extends_the_idle_time_but_not_the_lifetime(auth: AuthClient, database: asyncpg.Connection) -> None:
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    await database.execute("UPDATE sessions SET last_used_at = now() - interval '13 days'")
    before = await database.fetchrow("SELECT expires_at, last_used_at FROM sessions")
    await auth.refresh(tokens.refresh)
    after = await database.fetchrow("SELECT expires_at, last_used_at FROM sessions")
    assert after["expires_at"] == before["expires_at"]
    assert (after["last_used_at"] - before["last_used_at"]).days == 13


async def test_logout_ends_the_session_and_may_be_repeated(auth: AuthClient, redis: Redis) -> None:
    await auth.register("myuser")
    first = await auth.login("myuser")
    second = await auth.refresh(first.refresh)
    await auth.logout(first.refresh)
    assert await redis.exists(f"auth:revoked:session:{session_of(first.access)}") == 1
    await redis.flushall()
    await auth.logout(second.refresh, second.access)
    assert await redis.exists(f"auth:revoked:session:{session_of(first.access)}") == 1
    assert (await failure(auth.verify(second.access))).slug == "invalid_access_token"


async def test_logout_ends_the_session_of_the_access_token_too(auth: AuthClient) -> None:
    await auth.register("myuser")
    cookie, bearer = await auth.login("myuser"), await auth.login("myuser")
    await auth.logout(cookie.refresh, bearer.access)
    for tokens in (cookie, bearer):
        await refused(auth, tokens.refresh)


async def test_logout_refuses_what_does_not_belong_together(auth: AuthClient) -> None:
    for name in ("alice", "bob"):
        await auth.register(name)
    alice, bob = await auth.login("alice"), await auth.login("bob")
    assert (await failure(auth.logout(None, alice.access))).status is StatusCode.UNAUTHENTICATED
    assert (await failure(auth.logout(alice.refresh, bob.access))).status is StatusCode.UNAUTHENTICATED
    assert (await failure(auth.logout(alice.refresh, "nonsense"))).status is StatusCode.UNAUTHENTICATED
    for tokens in (alice, bob):
        await auth.refresh(tokens.refresh)


async def test_lists_the_active_sessions_of_the_caller(auth: AuthClient, database: asyncpg.Connection) -> None:
    for name in ("alice", "bob"):
        await auth.register(name)
    await auth.login("bob")
    phone = await auth.login("alice", address="2001:db8::7", agent="Phone/1.0")
    laptop = await auth.login("alice", address="192.0.2.7")
    over, ended = await auth.login("alice"), await auth.login("alice")
    await database.execute("UPDATE sessions SET expires_at = now() WHERE id = $1", session_of(over.access))
    await auth.logout(ended.refresh)
    listed = (await auth.list_sessions(laptop.access)).sessions
    assert [each.id for each in listed] == [session_of(laptop.access), session_of(phone.access)]
    assert [each.current for each in listed] == [True, False]
    assert [(each.client_address, each.user_agent) for each in listed] == [
        ("192.0.2.7", ""),
        ("2001:db8::7", "Phone/1.0"),
    ]
    assert listed[0].expires_at_ms - listed[0].created_at_ms == 30 * 86_400_000


async def test_revokes_ones_own_sessions_again_and_again(auth: AuthClient, redis: Redis) -> None:
    await auth.register("myuser")
    here, there = await auth.login("myuser"), await auth.login("myuser")
    for target in (there, there, here, here):
        await redis.flushall()
        await auth.revoke_session(here.access, session_of(target.access))
        assert await redis.exists(f"auth:revoked:session:{session_of(target.access)}") == 1
    for tokens in (here, there):
        await refused(auth, tokens.refresh)
    assert (await failure(auth.revoke_session(here.access, session_of(there.access)))).slug == "invalid_access_token"


@pytest.mark.parametrize("target", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_revoking_an_unknown_session_is_not_found(auth: AuthClient, target: str) -> None:
    await auth.register("myuser")
    unknown = await failure(auth.revoke_session((await auth.login("myuser")).access, target))
    assert (unknown.status, unknown.slug) == (StatusCode.NOT_FOUND, "session_not_found")


async def test_another_users_session_cannot_be_revoked(auth: AuthClient) -> None:
    for name in ("alice", "bob"):
        await auth.register(name)
    alice, bob = await auth.login("alice"), await auth.login("bob")
    assert (await failure(auth.revoke_session(bob.access, session_of(alice.access)))).status is StatusCode.NOT_FOUND
    await auth.refresh(alice.refresh)


async def test_a_login_too_many_ends_the_session_used_longest_ago(start: Start, redis: Redis) -> None:
    auth = (await start(sessions_per_user_max=2)).client
    await auth.register("myuser")
    first, second = await auth.login("myuser"), await auth.login("myuser")
    first = await auth.refresh(first.refresh)
    third = await auth.login("myuser")
    await refused(auth, second.refresh)
    assert await redis.exists(f"auth:revoked:session:{session_of(second.access)}") == 1
    for tokens in (first, third):
        await auth.refresh(tokens.refresh)
