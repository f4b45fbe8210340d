"""Settings: how they are read, and what a replica with other ones than the default does."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from pydantic import ValidationError

from services.profile.settings import ProfileSettings
from tests.conftest import RunningRedis
from tests.profile.conftest import KEY, PASSWORD, Service, User, profile_env, sign_up, start
from tests.profile.scripted import ScriptedAggregator
from tests.profile.test_websocket import live, refusal
from tests.profile.tokens import mint

NEEDED = {"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x", "JWT_KEYS": json.dumps({"k": KEY})}
ORIGIN = "https://coins.example"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults(env: pytest.MonkeyPatch) -> None:
    env.setenv("HTTP_PORT", "8123")
    settings = ProfileSettings()
    assert settings.public_origins == {"http://localhost:8123", "http://127.0.0.1:8123"}
    assert settings.trusted_proxies == ()
    assert not settings.jwt_accept_minimal
    assert KEY not in repr(settings)


def test_lists_are_separated_by_commas(env: pytest.MonkeyPatch) -> None:
    env.setenv("PUBLIC_ORIGINS", f"{ORIGIN}/, http://localhost:8080")
    env.setenv("TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1")
    settings = ProfileSettings()
    assert settings.public_origins == {ORIGIN, "http://localhost:8080"}
    assert settings.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


def test_short_keys_are_refused(env: pytest.MonkeyPatch) -> None:
    env.setenv("JWT_KEYS", '{"k":"short"}')
    with pytest.raises(ValidationError, match="32 bytes"):
        ProfileSettings()


@pytest.mark.parametrize("proxies", ["*", "10.0.0.1/8", "proxy", "10.0.0.0/8,10.0.0.256"])
def test_proxies_are_addresses_or_networks(env: pytest.MonkeyPatch, proxies: str) -> None:
    env.setenv("TRUSTED_PROXIES", proxies)
    with pytest.raises(ValidationError, match="trusted_proxies"):
        ProfileSettings()


@pytest.fixture(scope="module")
def configured(
    profile: Service, redis_server: RunningRedis, authorization: Service, aggregator: ScriptedAggregator
) -> Iterator[Service]:
    """Another replica, with as little of the default as possible."""
    env = profile_env(redis_server.url, authorization, aggregator) | {
        "JWT_ACCEPT_MINIMAL": "true",
        "MAX_WEBSOCKETS_PER_USER": "1",
        "PUBLIC_ORIGINS": ORIGIN,
        "TRUSTED_PROXIES": "127.0.0.0/8",
    }
    started = start("profile", "HTTP_PORT", profile.database_url, env)
    yield started
    started.process.stop()


@pytest.fixture
async def far_user(configured: Service) -> AsyncIterator[User]:
    async with httpx.AsyncClient(base_url=configured.url, trust_env=False, timeout=20) as client:
        yield await sign_up(client)


async def address_of_new_session(user: User, forwarded: str) -> str:
    body = {"name": user.name, "password": PASSWORD}
    answer = await user.client.post("/v1/login", json=body, headers={"X-Forwarded-For": forwarded})
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    sessions = (await user.client.get("/v1/auth/sessions", headers=bearer)).json()["sessions"]
    return next(str(session["client_address"]) for session in sessions if session["current"])


async def test_only_a_trusted_proxy_sets_the_clients_address(user: User, far_user: User) -> None:
    assert await address_of_new_session(user, "203.0.113.7") == "127.0.0.1"
    assert await address_of_new_session(far_user, "198.51.100.1, 203.0.113.7") == "203.0.113.7"


async def test_a_secure_cookie(far_user: User) -> None:
    credentials = {"name": far_user.name, "password": PASSWORD}
    answer = await far_user.client.post("/v1/login", json=credentials, headers={"Origin": ORIGIN})
    refresh, devices = answer.headers.get_list("set-cookie")
    assert refresh.startswith("__Host-refreshToken=")
    assert devices.startswith("__Host-deviceTokens=")
    assert all("; Path=/;" in cookie and cookie.endswith("; Secure") for cookie in (refresh, devices))
    assert answer.json()["persistent"] is True


async def test_another_origin_is_ours(far_user: User, configured: Service) -> None:
    async with live(configured, token=far_user.access, origin=ORIGIN):
        pass
    foreign = live(configured, token=far_user.access, origin=configured.url)
    assert await refusal(foreign) == (403, "foreign_origin")


async def test_a_user_holds_so_many_websockets(far_user: User, configured: Service) -> None:
    async with live(configured, token=far_user.access):
        assert await refusal(live(configured, token=far_user.access)) == (429, "too_many_websockets")


async def test_tokens_of_the_go_original(user: User, far_user: User) -> None:
    user_id = (await user.request("GET", "/v2/user/profile")).json()["ID"]
    minimal = {"Authorization": f"Bearer {mint(user_id, kid=None, sid=None, jti=None, iat=None, iss=None, aud=None)}"}
    assert (await far_user.client.post("/v1/auth/test", headers=minimal)).status_code == 200
    assert (await user.client.post("/v1/auth/test", headers=minimal)).status_code == 401
