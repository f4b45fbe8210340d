"""Behind the Go original's authorization: its tokens, its errors, and what it needs and does not check."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode

from proto import auth_pb2, auth_pb2_grpc
from tests.conftest import RunningRedis
from tests.processes import free_port
from tests.profile.conftest import PASSWORD, Service, assert_error, profile_env, start
from tests.profile.scripted import ScriptedAggregator
from tests.profile.test_deletion import instead
from tests.profile.tokens import mint

Base: Any = auth_pb2_grpc.AuthServicer
CREDENTIALS = {"name": "gopher", "password": PASSWORD}
USER_ID = 900_000_007
"""No account of the other tests, with which it shares the profile's database."""
PAGE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class GoOriginal(Base):  # type: ignore[misc]
    """As the Go original behaves: one user, bcrypt hashes for refresh tokens, and any owner the caller names."""

    user_id: int = USER_ID
    tokens: list[str] = field(default_factory=list)
    issued: int = 0
    owners: list[str] = field(default_factory=list)

    def _pair(self, user_id: int) -> auth_pb2.TokenResponse:
        self.issued += 1
        self.tokens.append(f"$2a$10${self.issued:022}/.0123456789ABCDEFGHIJKLMNOPQ")
        access = mint(user_id, kid=None, sid=None, jti=None, iat=None, iss=None, aud=None)
        return auth_pb2.TokenResponse(access=access, refresh=self.tokens[-1])

    async def Login(self, request: auth_pb2.AuthRequest, context: Any) -> auth_pb2.TokenResponse:  # noqa: N802
        if request.password != PASSWORD:
            text = "unknown error: 🚫🟰 passwords not equal: crypto/bcrypt: hashedPassword is not the hash of the given"
            await context.abort(StatusCode.INTERNAL, f"{text} password")
        await context.send_initial_metadata((("x-user-id", str(self.user_id)),))
        return self._pair(self.user_id)

    async def Refresh(self, _: Empty, context: Any) -> auth_pb2.TokenResponse:  # noqa: N802
        metadata = dict(context.invocation_metadata())
        owner = int(metadata["x-user-id"])
        if metadata["x-refresh-token"] not in self.tokens:
            await context.abort(StatusCode.NOT_FOUND, "could not found user: recording wasn't found")
        self.tokens.remove(metadata["x-refresh-token"])
        self.owners.append(str(owner))
        return self._pair(owner)

    async def Logout(self, _: Empty, context: Any) -> Empty:  # noqa: N802
        metadata = dict(context.invocation_metadata())
        assert metadata["x-authorization-header"].startswith("Bearer ")
        if metadata["x-refresh-token"] in self.tokens:
            self.tokens.remove(metadata["x-refresh-token"])
        return Empty()


@pytest.fixture(scope="module")
def behind_go(
    profile: Service, redis_server: RunningRedis, authorization: Service, aggregator: ScriptedAggregator
) -> Iterator[Service]:
    """A replica of the profile whose authorization is what a test serves."""
    env = profile_env(redis_server.url, authorization, aggregator)
    env |= {"AUTHORIZATION_TARGET": f"127.0.0.1:{free_port()}", "JWT_ACCEPT_MINIMAL": "true"}
    started = start("profile", "HTTP_PORT", profile.database_url, env)
    yield started
    started.process.stop()


@pytest.fixture
def go() -> GoOriginal:
    return GoOriginal()


@pytest.fixture
async def client(go: GoOriginal, behind_go: Service) -> AsyncIterator[httpx.AsyncClient]:
    connection = await asyncpg.connect(behind_go.database_url)
    await connection.execute("DELETE FROM users WHERE id = $1", go.user_id)
    await connection.close()
    async with instead(go, behind_go) as opened:
        yield opened


async def log_in(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    answer = await client.post("/v1/login", json=CREDENTIALS, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("headers", [{}, PAGE])
async def test_a_refresh_names_its_owner_without_a_bearer(
    client: httpx.AsyncClient, go: GoOriginal, headers: dict[str, str]
) -> None:
    await log_in(client, **headers)
    for _ in range(2):
        answer = await client.post("/v1/refresh", headers=headers)
        assert answer.status_code == 200, answer.text
    assert go.owners == [str(USER_ID)] * 2


async def test_a_wrong_password_is_not_an_outage(client: httpx.AsyncClient, go: GoOriginal) -> None:
    answer = await client.post("/v1/login", json=CREDENTIALS | {"password": "wrong horse battery"})
    assert_error(answer, 401, "wrong_credentials")


async def test_a_cookie_of_the_go_profile_is_read_and_never_spent_in_vain(
    client: httpx.AsyncClient, go: GoOriginal
) -> None:
    """Percent-encoded; its `userID` is unsigned, and the Go original would believe any."""
    answer = await log_in(client)
    client.cookies.clear()
    cookie = f"userID=8; refreshToken={quote(go.tokens[0], safe='')}"
    assert_error(await client.post("/v1/refresh", headers={"Cookie": cookie}), 401, "invalid_refresh_token")
    assert len(go.tokens) == 1
    bearer = f"Bearer {answer.json()['access_token']}"
    renewed = await client.post("/v1/refresh", headers={"Cookie": cookie, "Authorization": bearer})
    assert renewed.status_code == 200, renewed.text
    assert go.owners == [str(USER_ID)]


async def test_a_login_in_a_browser_ends_the_session_whose_cookie_it_brings(
    client: httpx.AsyncClient, go: GoOriginal
) -> None:
    await log_in(client, **PAGE)
    old = go.tokens[0]
    await log_in(client, **PAGE)
    assert old not in go.tokens
    assert len(go.tokens) == 1


async def test_another_person_with_the_same_number_gets_no_portfolio(
    client: httpx.AsyncClient, go: GoOriginal, behind_go: Service
) -> None:
    connection = await asyncpg.connect(behind_go.database_url)
    await connection.execute("INSERT INTO users (id, name) VALUES ($1, 'the one before')", go.user_id)
    assert_error(await client.post("/v1/login", json=CREDENTIALS), 409, "account_mismatch")
    assert go.tokens == []
    assert await connection.fetchval("SELECT name FROM users WHERE id = $1", go.user_id) == "the one before"
    await connection.close()
