"""The currency of a portfolio: chosen over HTTP, kept in PostgreSQL, shown at once in every document."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from redis.asyncio import Redis

from tests.conftest import RunningPostgres, RunningRedis
from tests.processes import until
from tests.profile.conftest import Service, User, assert_error, migrated_database, profile_env, sign_up, start
from tests.profile.live.replica import list_symbols, tick
from tests.profile.scripted import ScriptedAggregator
from tests.profile.test_websocket import live, refusal

SETTINGS = "/v2/user/settings"
PROFILE = "/v2/user/profile"
COIN = "/v2/coin/symbol"


@pytest.fixture(scope="module")
def redis_of_its_own(redis_server: RunningRedis) -> str:
    """Another database of the session's Redis: with a listing, which other tests do without."""
    return f"{redis_server.url.rpartition('/')[0]}/7"


@pytest.fixture
async def market(redis_of_its_own: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_of_its_own, protocol=2) as redis:
        yield redis


async def listed(market: Redis) -> None:
    await tick(market, "btcusdt", "60000", 1000)
    await tick(market, "ethbtc", "0.05", 2000)
    await tick(market, "eurusdt", "1.25", 3000)
    await list_symbols(market, "BTC/USDT", "ETH/BTC", "EUR/USDT", "DOGE/USDT BREAK", "GONE/USDT DELISTED")


@pytest.fixture(scope="module")
def profile(
    postgres_server: RunningPostgres, redis_of_its_own: str, authorization: Service, aggregator: ScriptedAggregator
) -> Iterator[Service]:
    env = profile_env(redis_of_its_own, authorization, aggregator)
    started = start("profile", "HTTP_PORT", migrated_database(postgres_server, "profile"), env)
    yield started
    started.process.stop()


async def test_nothing_can_be_chosen_while_the_listing_is_unknown(user: User, market: Redis) -> None:
    """The first test of this module: the process keeps a listing that it has read."""
    assert (await user.request("GET", SETTINGS)).json() == {"currency": "USDT"}
    assert_error(await user.send("PATCH", SETTINGS, '{"currency":"EUR"}'), 503, "symbols_unknown")
    await listed(market)

    async def is_known() -> bool:
        return (await user.send("PATCH", SETTINGS, '{"currency":"EUR"}')).status_code == 200

    await until(is_known, what="the listing")


@pytest.fixture
async def valued(user: User, market: Redis) -> User:
    """A user with a bitcoin, and an ether that has no price."""
    await listed(market)

    async def is_known() -> bool:
        return (await user.send("PATCH", SETTINGS, '{"currency":"USDT"}')).status_code == 200

    await until(is_known, what="the listing")
    for symbol in ("btcusdt", "ethusdt"):
        assert (await user.send("POST", COIN, f'{{"symbol":"{symbol}","quantity":1}}')).status_code == 201
    return user


async def test_a_currency_is_kept_and_shown_everywhere_at_once(valued: User, profile: Service) -> None:
    async with live(profile, token=valued.access) as one, live(profile, token=valued.access) as two:
        for websocket in (one, two):
            assert json.loads(await websocket.recv())["Currency"] == "USDT"
        changed = await valued.send("PATCH", SETTINGS, '{"currency":"eur"}')
        assert (changed.status_code, changed.json()) == (200, {"currency": "EUR"})
        for websocket in (one, two):
            while (document := json.loads(await websocket.recv()))["Currency"] == "USDT":
                pass  # a price may come between
            assert (document["Currency"], document["Total"], document["Unvalued"]) == ("EUR", 48000, ["ethusdt"])
    assert (await valued.request("GET", SETTINGS)).json() == {"currency": "EUR"}
    answer = (await valued.request("GET", PROFILE)).json()
    assert (answer["Currency"], answer["Total"], answer["Unvalued"]) == ("EUR", 48000, ["ethusdt"])
    assert set(answer["Coins"]) == {"Quantities", "Prices", "Totals"}


async def test_the_full_document_over_http_and_websocket(valued: User, profile: Service) -> None:
    await valued.send("PATCH", SETTINGS, '{"currency":"EUR"}')
    answer = (await valued.request("GET", f"{PROFILE}?detail=full")).json()
    assert answer["Coins"]["Values"] == {"btcusdt": 48000}
    assert answer["Coins"]["Times"] == {"btcusdt": 1000}
    async with live(profile, token=valued.access, query="?detail=full") as websocket:
        assert json.loads(await websocket.recv()) == answer


@pytest.mark.parametrize("query", ["?detail=", "?detail=fuller", "?detail=full&detail=full"])
async def test_another_detail_is_refused(user: User, profile: Service, query: str) -> None:
    assert await refusal(live(profile, token=user.access, query=query)) == (422, "invalid_request")


async def test_another_detail_over_http_is_refused(user: User) -> None:
    assert_error(await user.request("GET", f"{PROFILE}?detail=fuller"), 422, "invalid_request")


@pytest.mark.parametrize("currency", ["XYZ", "GONE", "DOGE", "btcusdt", "ﬀ", "USDT "])
async def test_a_currency_that_nothing_is_converted_into_is_refused(valued: User, currency: str) -> None:
    answer = await valued.send("PATCH", SETTINGS, json.dumps({"currency": currency}))
    assert_error(answer, 422, "unknown_currency")
    assert (await valued.request("GET", SETTINGS)).json() == {"currency": "USDT"}


@pytest.mark.parametrize("body", ["{}", '{"currency":null}', '{"currency":1}', '{"currency":""}', '["EUR"]'])
async def test_what_names_no_currency_is_refused(valued: User, body: str) -> None:
    assert_error(await valued.send("PATCH", SETTINGS, body), 422, "invalid_request")
    long = json.dumps({"currency": "E" * 41})
    assert_error(await valued.send("PATCH", SETTINGS, long), 422, "invalid_request")


async def test_settings_are_their_owners_alone(valued: User, client: httpx.AsyncClient) -> None:
    other = await sign_up(client)
    await valued.send("PATCH", SETTINGS, '{"currency":"BTC"}')
    assert (await other.request("GET", SETTINGS)).json() == {"currency": "USDT"}
    assert_error(await client.get(SETTINGS), 401, "missing_token")
    assert_error(await client.patch(SETTINGS, json={"currency": "EUR"}), 401, "missing_token")


async def test_legs_are_leased_from_the_aggregator(
    valued: User, profile: Service, aggregator: ScriptedAggregator
) -> None:
    await valued.send("PATCH", SETTINGS, '{"currency":"EUR"}')
    async with live(profile, token=valued.access) as websocket:
        await websocket.recv()
        await until(lambda: {"btcusdt", "eurusdt"} <= aggregator.all_followed, what="the lease")


async def test_cash_and_bare_assets_are_held_like_coins(
    valued: User, profile: Service, aggregator: ScriptedAggregator
) -> None:
    aggregator.requests.clear()
    for symbol in ("USDT", "eur", "btc"):
        added = await valued.send("POST", COIN, f'{{"symbol":"{symbol}","quantity":"2.5"}}')
        assert added.status_code == 201, added.text
        assert added.json()["aggregator message"] == {"status": "started", "symbol": symbol.lower()}
    assert "GET /coin" not in aggregator.requests, "there is nothing to stream"
    assert_error(await valued.send("POST", COIN, '{"symbol":"Usdt","quantity":1}'), 409, "coin_exists")
    coins = (await valued.request("GET", f"{COIN}s")).json()["there are your coins"]
    assert [coin["Symbol"] for coin in coins] == ["btcusdt", "ethusdt", "usdt", "eur", "btc"]

    document = (await valued.request("GET", f"{PROFILE}?detail=full")).json()
    assert document["Coins"]["Values"] == {"btcusdt": 60000, "usdt": 2.5, "eur": 3.125, "btc": 150000}
    assert document["Coins"]["Prices"]["eur"] == 1.25
    assert document["Total"] == 210005.625
    async with live(profile, token=valued.access, query="?detail=full") as websocket:
        assert json.loads(await websocket.recv()) == document
        await until(lambda: {"btcusdt", "eurusdt"} <= aggregator.all_followed, what="the lease")
        assert not {"usdt", "eur", "btc"} & aggregator.all_followed
        assert (await valued.send("PATCH", COIN, '{"symbol":"EUR","quantity":4}')).status_code == 200
        assert json.loads(await websocket.recv())["Total"] == 210007.5
        assert (await valued.request("DELETE", COIN, params={"symbol": "usdt"})).status_code == 200
        assert json.loads(await websocket.recv())["Total"] == 210005


async def test_what_is_neither_a_pair_nor_an_asset_is_unknown(valued: User) -> None:
    for symbol in ("gone", "usd", "btcusdx"):
        answer = await valued.send("POST", COIN, f'{{"symbol":"{symbol}","quantity":1}}')
        assert_error(answer, 404, "unknown_symbol")
