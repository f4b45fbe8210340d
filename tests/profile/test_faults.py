"""Profile while authorization, PostgreSQL or Redis is down, slow or back again."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.conftest import RunningPostgres, RunningRedis
from tests.processes import until
from tests.profile.conftest import PASSWORD, Service, assert_error, migrated_database, profile_env, sign_up, start
from tests.profile.scripted import ScriptedAggregator
from tests.profile.test_account_routes import forget_row

CREDENTIALS = {"name": "visitor", "password": PASSWORD}
PROFILE = "/v2/user/profile"


@pytest.fixture(params=["down", "frozen"])
async def lost_authorization(
    authorization: Service, client: httpx.AsyncClient, request: pytest.FixtureRequest
) -> AsyncIterator[None]:
    if request.param == "frozen":
        authorization.process.freeze()
        yield
        authorization.process.thaw()
    else:
        authorization.process.kill()
        yield
        authorization.process.start()
    await until_answered(client)


async def test_without_authorization(client: httpx.AsyncClient, lost_authorization: None) -> None:
    """Every call answers 503 within its deadline (3 s), whether the peer is gone or silent."""
    async with asyncio.timeout(15):
        answers = await asyncio.gather(
            client.post("/v1/login", json=CREDENTIALS),
            client.post("/v1/register", json=CREDENTIALS),
            client.post("/v1/refresh", headers={"Cookie": "refreshToken=x"}),
        )
    for answer in answers:
        assert_error(answer, 503, "authorization_unavailable")


async def test_the_logged_in_go_on_without_authorization(
    client: httpx.AsyncClient, profile: Service, authorization: Service
) -> None:
    user = await sign_up(client)
    authorization.process.freeze()
    try:
        assert (await user.request("GET", PROFILE)).status_code == 200
        added = await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}')
        assert added.status_code == 201
        await profile.ready()
        assert_error(await user.request("DELETE", PROFILE), 503, "authorization_unavailable")
    finally:
        authorization.process.thaw()
    await until_answered(client)
    kept = await user.request("GET", "/v2/coin/symbols")
    assert '"Symbol":"btcusdt"' in kept.text, "a deletion that failed deletes nothing"


async def until_answered(client: httpx.AsyncClient) -> None:
    async def answered() -> bool:
        return (await client.post("/v1/login", json=CREDENTIALS)).status_code == 401

    await until(answered, what="an answer of authorization")


@pytest.fixture
def fragile(
    own_postgres: RunningPostgres,
    own_redis: RunningRedis,
    authorization: Service,
    aggregator: ScriptedAggregator,
) -> Iterator[Service]:
    """A profile on PostgreSQL and Redis of its own, which the test may break."""
    env = profile_env(own_redis.url, authorization, aggregator)
    started = start("profile", "HTTP_PORT", migrated_database(own_postgres, "profile"), env)
    yield started
    started.process.stop()


async def test_postgresql_restart(fragile: Service, own_postgres: RunningPostgres) -> None:
    async with httpx.AsyncClient(base_url=fragile.url, trust_env=False, timeout=20) as client:
        user = await sign_up(client)
        await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}')
        own_postgres.process.stop(signal.SIGINT)

        assert_error(await user.request("GET", PROFILE), 503, "database_unavailable")
        added = await user.send("POST", "/v2/coin/symbol", '{"symbol":"ethusdt","quantity":1}')
        assert_error(added, 503, "database_unavailable")
        assert_error(await user.request("DELETE", PROFILE), 503, "database_unavailable")
        assert (await user.request("POST", "/v1/auth/test")).status_code == 200
        newcomer = await sign_up(client)  # the account is made all the same; its row heals later
        assert await fragile.metric("profile_rows_deferred_total") >= 1

        own_postgres.process.start()

        async def recovered() -> bool:
            return (await user.request("GET", PROFILE)).status_code == 200

        await until(recovered, what="the profile after PostgreSQL's restart")
        assert '"Symbol":"btcusdt"' in (await user.request("GET", "/v2/coin/symbols")).text
        assert (await newcomer.request("GET", PROFILE)).json()["Name"] == newcomer.name


async def test_redis_down_refuses_every_caller(fragile: Service, own_redis: RunningRedis) -> None:
    async with httpx.AsyncClient(base_url=fragile.url, trust_env=False, timeout=20) as client:
        user = await sign_up(client)
        own_redis.process.kill()
        assert_error(await user.request("GET", PROFILE), 503, "redis_unavailable")
        assert_error(await user.request("POST", "/v1/auth/test"), 503, "redis_unavailable")
        own_redis.process.start()

        async def recovered() -> bool:
            return (await user.request("GET", PROFILE)).status_code == 200

        await until(recovered, what="the profile after Redis' restart")


async def test_a_row_cannot_heal_without_authorization(
    client: httpx.AsyncClient, profile: Service, authorization: Service
) -> None:
    user = await sign_up(client)
    await forget_row(profile, user.name)
    authorization.process.freeze()
    try:
        assert_error(await user.request("GET", PROFILE), 503, "authorization_unavailable")
    finally:
        authorization.process.thaw()
    await until_answered(client)
    assert (await user.request("GET", PROFILE)).json()["Name"] == user.name
