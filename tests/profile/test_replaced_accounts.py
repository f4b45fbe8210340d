"""Accounts that were replaced under portfolios which stayed: no number gives one person what another has."""

import secrets

import asyncpg
import httpx
import pytest

from tests.profile.conftest import PASSWORD, Service, User, assert_error, sign_up
from tests.profile.test_websocket import live, refusal


@pytest.fixture
async def replaced(user: User, profile: Service) -> User:
    """A user whose account has the number of a portfolio that another person made."""
    await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":1}')
    await rename(user.name, f"before-{user.name}", profile)
    return user


async def rename(name: str, new: str, profile: Service) -> None:
    connection = await asyncpg.connect(profile.database_url)
    assert await connection.execute("UPDATE users SET name = $2 WHERE name = $1", name, new) == "UPDATE 1"
    await connection.close()


async def coins_of(name: str, profile: Service) -> list[str]:
    connection = await asyncpg.connect(profile.database_url)
    query = "SELECT symbol FROM coins JOIN users ON users.id = user_id WHERE name = $1"
    found = [row["symbol"] for row in await connection.fetch(query, name)]
    await connection.close()
    return found


async def test_no_request_reads_or_changes_the_portfolio(replaced: User, profile: Service) -> None:
    for method, path, body in (
        ("GET", "/v2/user/profile", ""),
        ("GET", "/v2/coin/symbols", ""),
        ("POST", "/v2/user/profile/ws-ticket", ""),
        ("POST", "/v2/coin/symbol", '{"symbol":"ethusdt","quantity":1}'),
        ("PATCH", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":2}'),
        ("DELETE", "/v2/coin/symbol", '{"symbol":"btcusdt"}'),
    ):
        assert_error(await replaced.send(method, path, body), 409, "account_mismatch")
    assert await refusal(live(profile, token=replaced.access)) == (409, "account_mismatch")
    assert await coins_of(f"before-{replaced.name}", profile) == ["btcusdt"]


async def test_a_login_is_refused_and_its_session_ended(replaced: User, authorization: Service) -> None:
    answer = await replaced.client.post("/v1/login", json={"name": replaced.name, "password": PASSWORD})
    assert "operator" in assert_error(answer, 409, "account_mismatch")
    assert "set-cookie" not in answer.headers
    connection = await asyncpg.connect(authorization.database_url)
    query = (
        "SELECT revoked_at FROM sessions JOIN accounts ON accounts.id = user_id WHERE name = $1 ORDER BY 1 NULLS LAST"
    )
    first, *others = [row["revoked_at"] for row in await connection.fetch(query, replaced.name)]
    assert first is not None
    assert others == [None], "the session from before, which is shown no portfolio either"
    await connection.close()


async def test_deleting_the_account_leaves_the_portfolio(replaced: User, profile: Service) -> None:
    assert (await replaced.request("DELETE", "/v2/user/profile")).status_code == 200
    assert await coins_of(f"before-{replaced.name}", profile) == ["btcusdt"]


async def test_a_registration_does_not_take_over_a_row(
    client: httpx.AsyncClient, user: User, profile: Service, authorization: Service
) -> None:
    connection = await asyncpg.connect(authorization.database_url)
    next_id = 1 + await connection.fetchval("SELECT last_value FROM accounts_id_seq")
    await connection.close()
    connection = await asyncpg.connect(profile.database_url)
    await connection.execute("INSERT INTO users (id, name) VALUES ($1, 'of another system')", next_id)
    credentials = {"name": f"user-{secrets.token_hex(4)}", "password": PASSWORD}
    assert_error(await client.post("/v1/register", json=credentials), 409, "account_mismatch")
    assert await connection.fetchval("SELECT name FROM users WHERE id = $1", next_id) == "of another system"
    await connection.close()


async def test_the_same_name_in_another_case_or_form_is_the_same_person(
    client: httpx.AsyncClient, profile: Service
) -> None:
    user = await sign_up(client, f"Zoë {secrets.token_hex(4)}")
    await rename(user.name, user.name.upper().replace("Ë", "E\u0308"), profile)
    assert (await user.request("GET", "/v2/user/profile")).status_code == 200
    login = await client.post("/v1/login", json={"name": user.name, "password": PASSWORD})
    assert login.status_code == 200
