"""Access by tokens that are valid, invalid or revoked, and while that cannot be checked."""

import time
from collections.abc import Callable

import httpx
import pytest
from redis.asyncio import Redis

from tests.conftest import RunningRedis
from tests.profile.conftest import User, assert_error
from tests.profile.tokens import mint

TEST = "/v1/auth/test"
PROTECTED = [
    ("POST", TEST),
    ("POST", "/v1/auth/logout"),
    ("GET", "/v1/auth/sessions"),
    ("DELETE", "/v1/auth/sessions/x"),
    ("GET", "/v2/coin/symbols"),
    ("POST", "/v2/coin/symbol"),
    ("PATCH", "/v2/coin/symbol"),
    ("DELETE", "/v2/coin/symbol"),
    ("GET", "/v2/user/profile"),
    ("DELETE", "/v2/user/profile"),
    ("POST", "/v2/user/profile/ws-ticket"),
]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_a_request_without_a_token_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    body = {"symbol": "btcusdt", "quantity": 1} if path == "/v2/coin/symbol" else None
    answer = await client.request(method, path, json=body)
    assert_error(answer, 401, "missing_token")
    assert answer.headers["www-authenticate"] == "Bearer"


FORGED = {
    "algorithm none": lambda: mint(algorithm="none"),
    "other algorithm": lambda: mint(algorithm="HS512"),
    "other key": lambda: mint(key="x" * 32),
    "unknown kid": lambda: mint(kid="other"),
    "other issuer": lambda: mint(iss="elsewhere"),
    "other audience": lambda: mint(aud="elsewhere"),
    "no subject": lambda: mint(None),
    "subject as text": lambda: mint("1"),
    "subject too large": lambda: mint(2**63),
    "no end": lambda: mint(exp=None),
    "minimal, not allowed here": lambda: mint(iat=None, jti=None, iss=None, aud=None),
    "not a token": lambda: "abc",
    "cut off": lambda: mint()[:-5],
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_forged_tokens(client: httpx.AsyncClient, forge: Callable[[], str]) -> None:
    token = forge()  # now: a token made with the collection ends during a long run
    assert_error(await client.post(TEST, headers=bearer(token)), 401, "invalid_token")


async def test_expired_token(client: httpx.AsyncClient) -> None:
    token = mint(exp=int(time.time()) - 60)
    assert_error(await client.post(TEST, headers=bearer(token)), 401, "token_expired")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "token"])
async def test_other_authorization_headers(client: httpx.AsyncClient, header: str) -> None:
    assert_error(await client.post(TEST, headers={"Authorization": header}), 401, "missing_token")


async def test_a_good_token_that_authorization_never_heard_of(client: httpx.AsyncClient) -> None:
    """Signature and times are right, and there is no such account: nothing is made for it."""
    token = mint(999_999_999)
    answer = await client.get("/v2/user/profile", headers=bearer(token))
    assert answer.status_code == 401
    assert answer.json()["code"] in {"invalid_refresh_token", "invalid_access_token"}


async def test_revoked_session(client: httpx.AsyncClient, redis_server: RunningRedis) -> None:
    async with Redis.from_url(redis_server.url, protocol=2) as redis:
        await redis.set("auth:revoked:session:ended", "1", ex=60)
    assert_error(await client.post(TEST, headers=bearer(mint(sid="ended"))), 401, "session_ended")
    assert (await client.post(TEST, headers=bearer(mint(sid="other")))).status_code == 200


async def test_revoked_user(client: httpx.AsyncClient, redis_server: RunningRedis) -> None:
    now_s = int(time.time())
    async with Redis.from_url(redis_server.url, protocol=2) as redis:
        await redis.set("auth:revoked:user:77", str(now_s), ex=60)
    for issued_at_s, status in ((now_s - 1, 401), (now_s, 401), (now_s + 1, 200)):
        answer = await client.post(TEST, headers=bearer(mint(77, iat=issued_at_s)))
        assert answer.status_code == status, issued_at_s


async def test_logout_ends_the_session(user: User) -> None:
    answer = await user.request("POST", "/v1/auth/logout")
    assert (answer.status_code, answer.json()) == (200, {"message": "user succesfully logouted 👉🚪"})
    assert 'refreshToken="";' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert_error(await user.request("POST", TEST), 401, "session_ended")
    assert_error(await user.client.post("/v1/refresh"), 401, "missing_refresh_token")


async def test_logout_needs_the_cookie(user: User) -> None:
    user.client.cookies.clear()
    assert_error(await user.request("POST", "/v1/auth/logout"), 401, "missing_refresh_token")
    assert (await user.request("POST", TEST)).status_code == 200
