"""Coins over HTTP, down to PostgreSQL and back."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.market.decimals import plain
from services.profile.portfolio.store import MAX_COINS
from tests.profile.conftest import Service, User, assert_error, sign_up
from tests.profile.scripted import ScriptedAggregator
from tests.profile.test_portfolio import fitting

COIN = "/v2/coin/symbol"
COINS = "/v2/coin/symbols"


async def test_add_list_change_and_remove(user: User) -> None:
    added = await user.send("POST", COIN, '{"symbol":"BTCUSDT","quantity":0.123456789012345678}')
    assert (added.status_code, added.json()) == (
        201,
        {
            "message": "coin has successfully added",
            "aggregator message": {"status": "started", "symbol": "btcusdt"},
        },
    )
    await user.send("POST", COIN, '{"symbol":"ethusdt","quantity":"2.50"}')

    listed = await user.request("GET", COINS)
    coins = listed.json()["there are your coins"]
    user_id = (await user.request("GET", "/v2/user/profile")).json()["ID"]
    assert [coin.keys() for coin in coins] == [{"ID", "Symbol", "Quantity", "UserID"}] * 2
    assert [(coin["Symbol"], coin["UserID"]) for coin in coins] == [("btcusdt", user_id), ("ethusdt", user_id)]
    assert '"Quantity":0.123456789012345678,' in listed.text
    assert '"Quantity":2.5,' in listed.text

    changed = await user.send("PATCH", COIN, '{"symbol":"btcUSDT","quantity":3}')
    assert (changed.status_code, changed.json()) == (200, {"message": "choosed coin updated V"})
    removed = await user.send("DELETE", COIN, '{"symbol":"ethusdt"}')
    assert removed.status_code == 200
    assert '"Quantity":3,' in (await user.request("GET", COINS)).text
    removed = await user.request("DELETE", COIN, params={"symbol": "BTCUSDT"})
    assert removed.status_code == 200
    assert (await user.request("GET", COINS)).json() == {"there are your coins": []}


async def test_a_coin_is_added_once(user: User) -> None:
    body = '{"symbol":"btcusdt","quantity":1}'
    answers = await asyncio.gather(*(user.send("POST", COIN, body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert_error(await user.send("POST", COIN, '{"symbol":"BtcUsdt","quantity":2}'), 409, "coin_exists")
    assert '"Quantity":1,' in (await user.request("GET", COINS)).text


async def test_a_coin_that_is_not_there_cannot_be_changed_or_removed(user: User) -> None:
    assert_error(await user.send("PATCH", COIN, '{"symbol":"btcusdt","quantity":1}'), 404, "coin_not_found")
    assert_error(await user.send("DELETE", COIN, '{"symbol":"btcusdt"}'), 404, "coin_not_found")


async def test_removal_names_one_symbol(user: User) -> None:
    assert_error(await user.request("DELETE", COIN), 422, "invalid_symbol")
    both = await user.client.request(
        "DELETE", COIN, headers=user.bearer, params={"symbol": "btcusdt"}, json={"symbol": "ethusdt"}
    )
    assert_error(both, 422, "invalid_symbol")
    assert_error(await user.request("DELETE", COIN, params={"symbol": "a\0b"}), 422, "invalid_symbol")


async def test_an_unknown_symbol_is_named_with_near_matches(user: User) -> None:
    answer = await user.send("POST", COIN, '{"symbol":"btcusdx","quantity":1}')
    assert "Did you mean btcusdt?" in assert_error(answer, 404, "unknown_symbol")
    assert answer.json()["near"] == ["btcusdt"]


@pytest.mark.parametrize("kind", ["delisted", "not_trading"])
async def test_what_is_not_traded_is_not_added(user: User, scripted: ScriptedAggregator, kind: Any) -> None:
    scripted.kind = kind
    answer = await user.send("POST", COIN, '{"symbol":"btcusdt","quantity":1}')
    assert "btcusdt" in assert_error(answer, 409, kind)
    assert (await user.request("GET", f"{COIN}s")).json() == {"there are your coins": []}


async def test_nothing_is_added_while_symbols_cannot_be_checked(user: User, scripted: ScriptedAggregator) -> None:
    body = '{"symbol":"btcusdt","quantity":1}'
    for kind, code in (("failing", "aggregator_unavailable"), ("garbled", "aggregator_unavailable")):
        scripted.kind = kind  # type: ignore[assignment]
        assert_error(await user.send("POST", COIN, body), 503, code)
    scripted.kind = "starting"
    assert_error(await user.send("POST", COIN, body), 503, "symbols_unknown")
    assert (await user.request("GET", COINS)).json() == {"there are your coins": []}


async def test_coins_are_their_owners_alone(user: User, client: httpx.AsyncClient) -> None:
    await user.send("POST", COIN, '{"symbol":"btcusdt","quantity":1}')
    other = await sign_up(client)
    assert_error(await other.send("PATCH", COIN, '{"symbol":"btcusdt","quantity":9}'), 404, "coin_not_found")
    assert_error(await other.send("DELETE", COIN, '{"symbol":"btcusdt"}'), 404, "coin_not_found")
    assert (await other.request("GET", COINS)).json() == {"there are your coins": []}
    assert '"Quantity":1,' in (await user.request("GET", COINS)).text


async def test_a_portfolio_has_room_for_so_many_coins(user: User, profile: Service) -> None:
    user_id = (await user.request("GET", "/v2/user/profile")).json()["ID"]
    connection = await asyncpg.connect(profile.database_url)
    await connection.execute(
        "INSERT INTO coins (user_id, symbol, quantity) SELECT $1, 'coin' || n, 1 FROM generate_series(2, $2::int) n",
        user_id,
        MAX_COINS,
    )
    await connection.close()
    bodies = (f'{{"symbol":"{symbol}","quantity":1}}' for symbol in ("btcusdt", "ethusdt", "dogeusdt"))
    answers = await asyncio.gather(*(user.send("POST", COIN, body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "too_many_coins"}


async def test_symbols_beyond_ascii(user: User) -> None:
    assert (await user.send("POST", COIN, '{"symbol":"币安人生USDT","quantity":1}')).status_code == 201
    assert "币安人生usdt" in (await user.request("GET", COINS)).text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quantity=fitting, as_text=st.booleans())
async def test_every_quantity_comes_back_text_exact(user: User, quantity: Decimal, as_text: bool) -> None:
    text = plain(quantity)
    sent = f'"{text}"' if as_text else text
    created = await user.send("POST", COIN, f'{{"symbol":"btcusdt","quantity":{sent}}}')
    assert created.status_code == 201, created.text
    assert f'"Quantity":{text},' in (await user.request("GET", COINS)).text
    assert f'"Quantities":{{"btcusdt":{text}}}' in (await user.request("GET", "/v2/user/profile")).text
    await user.request("DELETE", COIN, params={"symbol": "btcusdt"})
