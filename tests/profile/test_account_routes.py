"""Registration, login, tokens and sessions over HTTP."""

import httpx

from tests.profile.conftest import PASSWORD


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
