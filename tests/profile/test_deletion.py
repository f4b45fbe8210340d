"""Deletion of accounts: by which callers, and after a lost answer."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode, aio

from proto import auth_pb2_grpc
from services.common.grpc import open_channel, serve_grpc
from tests.conftest import RunningRedis
from tests.processes import free_port
from tests.profile.conftest import PASSWORD, Service, User, assert_error, profile_env, sign_up, start
from tests.profile.scripted import ScriptedAggregator

PROFILE = "/v2/user/profile"


async def rows_of(user: User, profile: Service) -> int:
    connection = await asyncpg.connect(profile.database_url)
    count: int = await connection.fetchval("SELECT count(*) FROM users WHERE name = $1", user.name)
    await connection.close()
    return count


async def test_a_session_that_has_ended_cannot_delete_the_account(user: User, profile: Service) -> None:
    await user.request("POST", "/v1/auth/logout")
    assert_error(await user.request("DELETE", PROFILE), 401, "invalid_access_token")
    assert await rows_of(user, profile) == 1
    login = await user.client.post("/v1/login", json={"name": user.name, "password": PASSWORD})
    assert login.status_code == 200


# The Go original, as far as deletions know it: every call answers UNIMPLEMENTED.
CannotDelete: Any = auth_pb2_grpc.AuthServicer


class LosesTheAnswer(CannotDelete):  # type: ignore[misc]
    """Passes deletions on to the real service, and never returns their outcome to the caller."""

    def __init__(self, target: str) -> None:
        self._target = target

    async def DeleteAccount(self, request: Empty, context: Any) -> None:  # noqa: N802
        bearer = dict(context.invocation_metadata())["x-authorization-header"]
        async with open_channel(self._target) as channel:
            metadata = (("x-authorization-header", bearer),)
            await auth_pb2_grpc.AuthStub(channel).DeleteAccount(request, metadata=metadata, timeout=20)
        await context.abort(StatusCode.UNAVAILABLE, "lost")


@pytest.fixture
def detoured(
    profile: Service, redis_server: RunningRedis, authorization: Service, aggregator: ScriptedAggregator
) -> Iterator[Service]:
    """A second replica of the profile, with another authorization service: what `instead` serves."""
    env = profile_env(redis_server.url, authorization, aggregator)
    env |= {"AUTHORIZATION_TARGET": f"127.0.0.1:{free_port()}", "AUTHORIZATION_TIMEOUT_S": "30"}
    started = start("profile", "HTTP_PORT", profile.database_url, env)
    yield started
    started.process.stop()


@asynccontextmanager
async def instead(servicer: Any, detoured: Service) -> AsyncIterator[httpx.AsyncClient]:
    def register(server: aio.Server) -> None:
        auth_pb2_grpc.add_AuthServicer_to_server(servicer, server)

    async with (
        serve_grpc(register, [], detoured.process.env["AUTHORIZATION_TARGET"], grace_s=1),
        httpx.AsyncClient(base_url=detoured.url, trust_env=False, timeout=40) as client,
    ):
        yield client


async def test_a_deletion_whose_answer_was_lost_can_be_repeated(
    user: User, profile: Service, authorization: Service, detoured: Service
) -> None:
    async with instead(LosesTheAnswer(authorization.address), detoured) as client:
        answer = await client.delete(PROFILE, headers=user.bearer)
    assert_error(answer, 503, "authorization_unavailable")
    assert "account.deletion_unfinished" in detoured.process.output()
    assert_error(await user.request("GET", PROFILE), 401, "session_ended")
    assert await rows_of(user, profile) == 1

    for _ in range(2):
        assert (await user.request("DELETE", PROFILE)).status_code == 200
        assert await rows_of(user, profile) == 0
    again = await sign_up(user.client, user.name)
    assert (await again.request("GET", PROFILE)).status_code == 200


async def test_where_accounts_cannot_be_deleted_the_portfolio_goes_if_the_session_lives(
    client: httpx.AsyncClient, profile: Service, detoured: Service
) -> None:
    living, over = await sign_up(client), await sign_up(client)
    await over.request("POST", "/v1/auth/logout")
    async with instead(CannotDelete(), detoured) as other:
        assert_error(await other.delete(PROFILE, headers=over.bearer), 401, "session_ended")
        assert (await other.delete(PROFILE, headers=living.bearer)).status_code == 200
    assert [await rows_of(user, profile) for user in (over, living)] == [1, 0]
