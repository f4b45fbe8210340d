"""Registration, login, tokens and sessions over HTTP."""

import secrets
import time

import asyncpg
import httpx
import pytest

from tests.profile.conftest import PASSWORD, Service, User, assert_error, sign_up
from tests.profile.tokens import mint


async def test_register_login_and_use_the_token(client: httpx.AsyncClient) -> None:
    credentials = {"name": "Ada Lovelace", "password": PASSWORD}
    registered = await client.post("/v1/register", json=credentials)
    assert (registered.status_code, registered.json()) == (201, {"message": "user successful created 🎊🤩"})

    answer = await client.post("/v1/login", json=credentials)
    assert answer.status_code == 200
    body = answer.json()
    tokens = body["🌐 Here is your tokens"]
    assert body == {
        "message": "Login successful 👅🍭",
        "🌐 Here is your tokens": {"access": tokens["access"], "refresh": tokens["refresh"]},
        "access_token": tokens["access"],
        "token_type": "bearer",
        "expires_in": body["expires_in"],
    }
    assert 800 <= body["expires_in"] <= 900
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"refreshToken={tokens['refresh']};")
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "HttpOnly",
        "Max-Age=2592000",
        "Path=/v1",
        "SameSite=strict",
    }

    tested = await client.post("/v1/auth/test", headers={"Authorization": f"Bearer {tokens['access']}"})
    assert (tested.status_code, tested.json()) == (200, {"message": "molodec! 👍"})


async def test_a_browser_gets_the_refresh_token_in_a_cookie_alone(user: User) -> None:
    user.client.cookies.clear()
    port = user.client.base_url.port
    credentials = {"name": user.name, "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": str(user.client.base_url).rstrip("/")}):
        login = await user.client.post("/v1/login", json=credentials, headers=headers)
        body = login.json()
        assert body["🌐 Here is your tokens"] == {"access": body["access_token"], "refresh": ""}
        assert body["persistent"] is True
        names = [cookie.partition("=")[0] for cookie in login.headers.get_list("set-cookie")]
        assert names == [f"refreshToken-{port}", f"deviceTokens-{port}"]
        refreshed = await user.client.post("/v1/refresh", headers=headers)
        assert refreshed.status_code == 200
        assert refreshed.json()["tokens 💁"]["refresh"] == ""
        assert refreshed.headers.get_list("set-cookie")[0].startswith(f"refreshToken-{port}=")


async def test_a_login_in_a_browser_ends_the_session_whose_cookie_it_brings(user: User) -> None:
    credentials = {"name": user.name, "password": PASSWORD}
    page = {"Sec-Fetch-Site": "same-origin"}
    assert (await user.client.post("/v1/login", json=credentials)).status_code == 200
    assert (await user.request("POST", "/v1/auth/test")).status_code == 200
    user.client.cookies.clear()
    first = await user.client.post("/v1/login", json=credentials, headers=page)
    bearer = {"Authorization": f"Bearer {first.json()['access_token']}"}
    assert (await user.client.post("/v1/auth/test", headers=bearer)).status_code == 200
    assert (await user.client.post("/v1/login", json=credentials, headers=page)).status_code == 200
    assert_error(await user.client.post("/v1/auth/test", headers=bearer), 401, "session_ended")


async def test_a_browser_keeps_being_known_after_logging_out(user: User) -> None:
    page = {"Sec-Fetch-Site": "same-origin"}
    credentials = {"name": user.name, "password": PASSWORD}
    login = await user.client.post("/v1/login", json=credentials, headers=page)
    name = f"deviceTokens-{user.client.base_url.port}"
    device = user.client.cookies[name]
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
    assert (await user.client.post("/v1/auth/logout", headers=page | bearer)).status_code == 200
    await user.client.post("/v1/login", json=credentials, headers=page)
    assert user.client.cookies[name] == device


async def test_names_are_taken_once_in_any_case(user: User) -> None:
    answer = await user.client.post("/v1/register", json={"name": user.name.upper(), "password": PASSWORD})
    assert_error(answer, 409, "name_taken")


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("", PASSWORD, "invalid_name"),
        ("n" * 65, PASSWORD, "invalid_name"),
        ("a\tb", PASSWORD, "invalid_name"),
        ("fresh-name", "short", "password_too_short"),
        ("fresh-name", "é" * 37, "password_too_long"),
    ],
)
async def test_what_cannot_be_registered(client: httpx.AsyncClient, name: str, password: str, code: str) -> None:
    assert_error(await client.post("/v1/register", json={"name": name, "password": password}), 422, code)


async def test_unknown_name_and_wrong_password_look_the_same(user: User) -> None:
    wrong = await user.client.post("/v1/login", json={"name": user.name, "password": "wrong horse battery"})
    unknown = await user.client.post("/v1/login", json={"name": "unknown user", "password": PASSWORD})
    assert_error(wrong, 401, "wrong_credentials")
    assert wrong.json() == unknown.json()


async def test_the_name_stays_as_it_was_registered(client: httpx.AsyncClient, profile: Service) -> None:
    name = f"Grace-{secrets.token_hex(3)}"
    await client.post("/v1/register", json={"name": name, "password": PASSWORD})
    for forget in (False, True):
        if forget:
            await forget_row(profile, name)
        logged_in = await client.post("/v1/login", json={"name": name.upper(), "password": PASSWORD})
        bearer = {"Authorization": f"Bearer {logged_in.json()['access_token']}"}
        assert (await client.get("/v2/user/profile", headers=bearer)).json()["Name"] == name


async def test_a_missing_row_heals_at_any_request(user: User, profile: Service) -> None:
    for method, path, body in (
        ("GET", "/v2/user/profile", ""),
        ("GET", "/v2/coin/symbols", ""),
        ("POST", "/v2/user/profile/ws-ticket", ""),
        ("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}'),
    ):
        await forget_row(profile, user.name)
        answer = await user.send(method, path, body)
        assert answer.status_code in {200, 201}, (path, answer.text)
        assert (await user.request("GET", "/v2/user/profile")).json()["Name"] == user.name


async def test_refresh_rotates_both_tokens(user: User) -> None:
    spent = user.client.cookies["refreshToken"]
    answer = await user.client.post("/v1/refresh")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    tokens = body["tokens 💁"]
    assert body["message"] == "tokens succesfully refreshed ♻️🤍"
    assert body["access_token"] == tokens["access"] != user.access
    assert user.client.cookies["refreshToken"] == tokens["refresh"] != spent
    tested = await user.client.post("/v1/auth/test", headers={"Authorization": f"Bearer {tokens['access']}"})
    assert tested.status_code == 200


async def test_refresh_with_any_bearer(user: User) -> None:
    user_id = (await user.request("GET", "/v2/user/profile")).json()["ID"]
    past_s = int(time.time()) - 60
    for bearer in (mint(user_id, exp=past_s), mint(999_999, exp=past_s, key="x" * 32), "nonsense"):
        answer = await user.client.post("/v1/refresh", headers={"Authorization": f"Bearer {bearer}"})
        assert answer.status_code == 200, answer.text


async def test_refresh_with_another_users_bearer(user: User) -> None:
    for bearer in (mint(999_999), mint(999_999, exp=int(time.time()) - 60)):
        answer = await user.client.post("/v1/refresh", headers={"Authorization": f"Bearer {bearer}"})
        assert_error(answer, 401, "invalid_refresh_token")


@pytest.mark.parametrize("cookie", ["", "x" * 5000, "caf\u00e9", "unknown"])
async def test_refresh_without_a_good_cookie(client: httpx.AsyncClient, cookie: str) -> None:
    header = f"refreshToken={cookie}".encode("latin-1")
    answer = await client.post("/v1/refresh", headers=[(b"cookie", header)])
    assert_error(answer, 401, "invalid_refresh_token" if cookie == "unknown" else "missing_refresh_token")


async def test_cookie_routes_refuse_foreign_pages(user: User) -> None:
    credentials = {"name": user.name, "password": PASSWORD}
    for path, body in (("/v1/login", credentials), ("/v1/refresh", None), ("/v1/auth/logout", None)):
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:1"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            answer = await user.client.post(path, json=body, headers=user.bearer | headers)
            assert_error(answer, 403, "foreign_origin")


async def test_cookie_routes_serve_our_own_pages(user: User) -> None:
    for headers in ({"Origin": str(user.client.base_url).rstrip("/")}, {"Sec-Fetch-Site": "same-origin"}):
        assert (await user.client.post("/v1/refresh", headers=headers)).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(user: User) -> None:
    agent = {b"user-agent": "tests/1.0 caf\u00e9".encode("latin-1")}
    credentials = {"name": user.name, "password": PASSWORD}
    other = (await user.client.post("/v1/login", json=credentials, headers=agent)).json()["access_token"]

    listed = await user.request("GET", "/v1/auth/sessions")
    assert listed.status_code == 200, listed.text
    sessions = {session["current"]: session for session in listed.json()["sessions"]}
    assert sessions.keys() == {True, False}
    assert sessions[False]["user_agent"] == "tests/1.0 caf"
    assert sessions[False]["client_address"] == "127.0.0.1"
    assert sessions[False]["created_at_ms"] <= time.time() * 1000 < sessions[False]["expires_at_ms"]

    ended = await user.request("DELETE", f"/v1/auth/sessions/{sessions[False]['id']}")
    assert ended.status_code == 200
    refused = await user.client.post("/v1/auth/test", headers={"Authorization": f"Bearer {other}"})
    assert_error(refused, 401, "session_ended")
    assert (await user.request("POST", "/v1/auth/test")).status_code == 200


async def test_sessions_of_others_cannot_be_ended(user: User) -> None:
    other = await sign_up(user.client)
    session_id = (await other.request("GET", "/v1/auth/sessions")).json()["sessions"][0]["id"]
    assert_error(await user.request("DELETE", f"/v1/auth/sessions/{session_id}"), 404, "session_not_found")
    assert_error(await user.request("DELETE", "/v1/auth/sessions/a b"), 422, "invalid_request")
    assert (await other.request("POST", "/v1/auth/test")).status_code == 200


async def test_deletion_takes_everything(user: User, profile: Service) -> None:
    await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}')
    answer = await user.request("DELETE", "/v2/user/profile")
    assert (answer.status_code, answer.json()) == (200, {"message": "user has deleted"})
    assert "Max-Age=0" in answer.headers["set-cookie"]

    assert_error(await user.request("GET", "/v2/user/profile"), 401, "session_ended")
    login = await user.client.post("/v1/login", json={"name": user.name, "password": PASSWORD})
    assert_error(login, 401, "wrong_credentials")
    connection = await asyncpg.connect(profile.database_url)
    assert await connection.fetchval("SELECT count(*) FROM users WHERE name = $1", user.name) == 0
    await connection.close()
    again = await sign_up(user.client, user.name)
    assert (await again.request("GET", "/v2/coin/symbols")).json() == {"there are your coins": []}


async def forget_row(profile: Service, name: str) -> None:
    """What a registration cut in half leaves: an account without a profile row."""
    connection = await asyncpg.connect(profile.database_url)
    assert await connection.execute("DELETE FROM users WHERE name = $1", name) == "DELETE 1"
    await connection.close()
