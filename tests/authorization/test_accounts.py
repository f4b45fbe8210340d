"""Registration, login and deletion over a real connection."""

import asyncio
import re
import unicodedata

import asyncpg
import bcrypt
import jwt
import pytest
from grpc import StatusCode
from redis.asyncio import Redis

from services.authorization import metrics
from tests.authorization.client import PASSWORD, AuthClient, failure, session_of
from tests.authorization.conftest import KEY, Start


def hash_operations(operation: str) -> float:
    return float(metrics.HASHES.labels(operation)._value.get())


async def test_registers_and_logs_in_with_full_claims(auth: AuthClient) -> None:
    user_id = await auth.register("myuser")
    tokens = await auth.login("myuser")
    assert jwt.get_unverified_header(tokens.access) == {"alg": "HS256", "kid": "new", "typ": "JWT"}
    claims = jwt.decode(
        tokens.access, KEY, ["HS256"], audience="crypto-service", issuer="crypto-service", options={"verify_sub": False}
    )
    assert claims["sub"] == user_id
    assert claims["exp"] - claims["iat"] == 900
    assert claims["name"] == "myuser"
    assert set(claims) == {"sub", "name", "sid", "jti", "iat", "exp", "iss", "aud"}
    assert len(tokens.refresh) >= 43


async def test_stores_neither_password_nor_refresh_token(auth: AuthClient, database: asyncpg.Connection) -> None:
    await auth.register("myuser")
    tokens = await auth.login("myuser")
    stored = [
        str(row)
        for table in ("accounts", "sessions", "refresh_tokens")
        for row in await database.fetch(f"SELECT * FROM {table}")
    ]
    assert len(stored) == 3
    assert not any(PASSWORD in row or tokens.refresh in row for row in stored)
    assert re.match(r"\$2b\$04\$", await database.fetchval("SELECT password_hash FROM accounts"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Alice", "aLICE"),
        ("straße", "STRASSE"),
        ("\uff21\uff4c\uff49\uff43\uff45", "alice"),
        ("ﬁsh", "FISH"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("bob", "b\ufe0fob"),
    ],
)
async def test_a_name_is_unique_in_any_case_and_form(auth: AuthClient, first: str, second: str) -> None:
    user_id = await auth.register(first)
    taken = await failure(auth.register(second))
    assert (taken.status, taken.slug) == (StatusCode.ALREADY_EXISTS, "name_taken")
    account = await auth.verify((await auth.login(second)).access)
    assert (account.user_id, account.name) == (user_id, first)


@pytest.mark.parametrize(
    "name", ["", "x" * 65, " bob", "bob ", "a\nb", "a\0b", "a\u202eb", "a\u200db", "\u3164", "a\u00a0b"]
)
async def test_refuses_malformed_names(auth: AuthClient, name: str) -> None:
    refused = await failure(auth.register(name))
    assert (refused.status, refused.slug) == (StatusCode.INVALID_ARGUMENT, "invalid_name")
    assert (await failure(auth.login(name))).slug == "wrong_credentials"


@pytest.mark.parametrize("name", ["x" * 64, "\ufdfa" * 64, "😀" * 64, "two words"])
async def test_accepts_names_up_to_their_bounds(auth: AuthClient, name: str) -> None:
    await auth.register(name)
    assert (await auth.verify((await auth.login(name)).access)).name == name


@pytest.mark.parametrize(
    ("password", "slug"),
    [
        ("1234567", "password_too_short"),
        ("äöüäöüä", "password_too_short"),
        ("x" * 73, "password_too_long"),
        ("ä" * 36 + "x", "password_too_long"),
        ("€" * 24 + "x", "password_too_long"),
        ("1234\x005678", "invalid_password"),
    ],
)
async def test_refuses_passwords_that_bcrypt_could_not_keep(auth: AuthClient, password: str, slug: str) -> None:
    refused = await failure(auth.register("myuser", password))
    assert (refused.status, refused.slug) == (StatusCode.INVALID_ARGUMENT, slug)


@pytest.mark.parametrize("password", ["12345678", "äöüäöüäö", "x" * 72, "ä" * 36, "€" * 24, "😀" * 18])
async def test_every_byte_of_a_password_counts(auth: AuthClient, password: str) -> None:
    await auth.register("myuser", password)
    await auth.login("myuser", password)
    wrong = await failure(auth.login("myuser", password[:-1] + "y"))
    assert (wrong.status, wrong.slug) == (StatusCode.UNAUTHENTICATED, "wrong_credentials")


async def test_an_overlong_password_at_login_is_refused_not_cut(auth: AuthClient) -> None:
    await auth.register("myuser", "x" * 72)
    for name in ("myuser", "nobody"):
        assert (await failure(auth.login(name, "x" * 73))).slug == "password_too_long"


async def test_unknown_name_and_wrong_password_take_the_same_answer_and_work(auth: AuthClient) -> None:
    await auth.register("myuser")
    seen = []
    for name, password in [
        ("myuser", "wrong password"),
        ("nobody", PASSWORD),
        (" malformed ", PASSWORD),
        ("nul\0", PASSWORD),
    ]:
        before = hash_operations("verify"), hash_operations("hash")
        refused = await failure(auth.login(name, password))
        seen.append((refused, hash_operations("verify") - before[0], hash_operations("hash") - before[1]))
    assert seen[0][0].status is StatusCode.UNAUTHENTICATED
    assert seen[0][1:] == (1, 0)
    assert all(each == seen[0] for each in seen)


NFC, NFD = "Straßen-café-ñandú", unicodedata.normalize("NFD", "Straßen-café-ñandú")


@pytest.mark.parametrize(("registered", "typed"), [(NFC, NFD), (NFD, NFC)])
async def test_a_password_is_the_same_composed_and_decomposed(auth: AuthClient, registered: str, typed: str) -> None:
    await auth.register("Jörg", registered)
    await auth.login(unicodedata.normalize("NFD", "Jörg"), typed)
    assert (await failure(auth.login("Jörg", typed[:-1]))).slug == "wrong_credentials"


@pytest.mark.parametrize("stored", [NFC, NFD, NFC[:13] + unicodedata.normalize("NFD", NFC[13:])])
async def test_a_hash_from_before_lets_in_and_is_replaced(
    auth: AuthClient, database: asyncpg.Connection, stored: str
) -> None:
    """Made of what was typed, or at another cost: by an earlier version, or by the Go original."""
    await auth.register("myuser")
    old = bcrypt.hashpw(stored.encode(), bcrypt.gensalt(4, b"2a")).decode()
    await database.execute("UPDATE accounts SET password_hash = $1", old)
    await auth.login("myuser", stored)
    replaced = await database.fetchval("SELECT password_hash FROM accounts")
    assert (replaced == old) == (stored == NFC)
    assert bcrypt.checkpw(NFC.encode(), replaced.encode())
    await auth.login("myuser", NFD)


async def test_a_login_replaces_a_weaker_hash(start: Start, database: asyncpg.Connection) -> None:
    auth = (await start(bcrypt_cost=5)).client
    await auth.register("myuser")
    weak = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2a")).decode()
    await database.execute("UPDATE accounts SET password_hash = $1", weak)
    await auth.login("myuser")
    assert (await database.fetchval("SELECT password_hash FROM accounts")).startswith("$2b$05$")
    await auth.login("myuser")


async def test_an_unknown_name_takes_the_work_of_every_form(auth: AuthClient) -> None:
    await auth.register("myuser")
    seen = []
    for name in ("myuser", "unknown"):
        before = hash_operations("verify")
        assert (await failure(auth.login(name, NFC))).slug == "wrong_credentials"
        seen.append(hash_operations("verify") - before)
    assert seen == [2, 2]


async def test_a_name_is_kept_composed(auth: AuthClient) -> None:
    await auth.register(unicodedata.normalize("NFD", "é" * 64))
    assert (await auth.verify((await auth.login("É" * 64)).access)).name == "é" * 64


async def test_one_of_many_registrations_of_a_name_wins(auth: AuthClient, database: asyncpg.Connection) -> None:
    names = ["Racer", "RACER", "racer", "rAcEr"] * 4
    results = await asyncio.gather(*(auth.register(name) for name in names), return_exceptions=True)
    assert len([result for result in results if isinstance(result, int)]) == 1
    assert await database.fetchval("SELECT count(*) FROM accounts") == 1


async def test_deletes_the_account_and_everything_of_it(
    auth: AuthClient, database: asyncpg.Connection, redis: Redis
) -> None:
    user_id = await auth.register("myuser")
    here, there = await auth.login("myuser"), await auth.login("myuser")
    async with redis.pubsub() as channel:
        await channel.subscribe("auth:revocations")
        assert (await channel.get_message(timeout=5))["type"] == "subscribe"
        await auth.delete_account(here.access)
        message = await channel.get_message(timeout=5)
    assert message["data"] == f'{{"user_id":{user_id},"session_id":null}}'
    issued_at_s = jwt.decode(there.access, options={"verify_signature": False})["iat"]
    assert int(str(await redis.get(f"auth:revoked:user:{user_id}"))) >= issued_at_s
    assert 900 <= await redis.ttl(f"auth:revoked:user:{user_id}") <= 960
    for table in ("accounts", "sessions", "refresh_tokens"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert (await failure(auth.verify(there.access))).slug == "invalid_access_token"
    assert (await failure(auth.refresh(there.refresh))).slug == "invalid_refresh_token"
    assert (await failure(auth.login("myuser"))).slug == "wrong_credentials"


async def test_deleting_again_succeeds_and_the_name_is_free(auth: AuthClient) -> None:
    first_id = await auth.register("myuser")
    access = (await auth.login("myuser")).access
    await auth.delete_account(access)
    second_id = await auth.register("MyUser")
    assert second_id != first_id
    await auth.delete_account(access)
    assert (await auth.verify((await auth.login("myuser")).access)).user_id == second_id


async def test_a_session_that_has_ended_cannot_delete_the_account(start: Start, database: asyncpg.Connection) -> None:
    """Redis is not read, and the token is valid for minutes more: only the session's row shows that it ended."""
    auth = (await start(refresh_grace_s=0)).client
    await auth.register("myuser")
    revoked, left, reused, idle, purged, mine = [await auth.login("myuser") for _ in range(6)]
    await auth.revoke_session(mine.access, session_of(revoked.access))
    await auth.logout(left.refresh)
    await auth.refresh(reused.refresh)
    await failure(auth.refresh(reused.refresh))
    past = "UPDATE sessions SET last_used_at = now() - interval '15 days' WHERE id = $1"
    await database.execute(past, session_of(idle.access))
    await database.execute("DELETE FROM sessions WHERE id = $1", session_of(purged.access))
    for ended in (revoked, left, reused, idle, purged):
        assert (await failure(auth.delete_account(ended.access))).slug == "invalid_access_token"
    await auth.verify(mine.access)


async def test_a_deletion_during_a_login_leaves_no_session(start: Start, database: asyncpg.Connection) -> None:
    auth = (await start(bcrypt_cost=10)).client
    await auth.register("myuser")
    access = (await auth.login("myuser")).access
    results = await asyncio.gather(
        *(auth.login("myuser") for _ in range(4)), auth.delete_account(access), return_exceptions=True
    )
    assert results[-1] is None
    assert await database.fetchval("SELECT count(*) FROM sessions") == 0
