"""Outages of each dependency during a session: the websocket stays, recovers by itself, and nothing hangs."""

import asyncio
import signal
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.local import postgres, redis
from tests.conftest import RunningPostgres, RunningRedis
from tests.e2e.stack import Stack, User, sign_up, until_closed, until_document
from tests.processes import until


def newer_than(document: dict[str, Any]) -> Any:
    return lambda candidate: (candidate["UpdatedAt"] or 0) > document["UpdatedAt"]


def has_price(document: dict[str, Any]) -> bool:
    return "btcusdt" in document["Coins"]["Prices"]


@pytest.mark.parametrize("victim", ["simulator", "socket", "aggregator"])
@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_prices_come_back_after_a_restart(user: User, stack: Stack, victim: str, end: str) -> None:
    await user.add("btcusdt", "1")
    async with user.live() as websocket:
        before = await until_document(websocket, has_price)
        await stack.running[victim].restart_after(end)
        await until_document(websocket, newer_than(before))


async def test_followed_trades_are_back_within_two_renewals_of_an_aggregator_restart(user: User, stack: Stack) -> None:
    await user.add("btcusdt", "1")
    aggregator = stack.running["aggregator"]
    url = f"http://127.0.0.1:{aggregator.port}/coins"

    async def streams_btc() -> bool:
        return "btcusdt" in str((await user.client.get(url)).json()["streams"])

    async with user.live() as websocket:
        await until_document(websocket, has_price)
        await until(streams_btc)
        aggregator.process.kill()
        before = await renewals(user, stack)
        aggregator.process.start()
        await until(streams_btc, 60)
        assert await renewals(user, stack) - before <= 2 * LEASES


LEASES = 2
"""Of what is viewed, and of what is held."""


async def renewals(user: User, stack: Stack) -> int:
    """How many renewals of its leases profile has made so far that were answered."""
    metrics = (await user.client.get(f"http://127.0.0.1:{stack.running['profile'].ops_port}/metrics")).text
    answered = [line for line in metrics.splitlines() if 'request="PUT followers"' in line and 'outcome="200"' in line]
    return sum(int(float(line.split()[-1])) for line in answered if line.startswith("profile_aggregator_calls_total"))


async def test_prices_come_back_after_a_redis_restart(user: User, stack: Stack) -> None:
    await user.add("btcusdt", "1")
    async with user.live() as websocket:
        before = await until_document(websocket, has_price)
        stack.redis.process.kill()
        stack.redis.process.start()
        await redis.wait_until_ready(stack.redis.server)
        await until_document(websocket, newer_than(before))


async def test_prices_come_back_after_redis_froze(user: User, stack: Stack) -> None:
    await user.add("btcusdt", "1")
    async with user.live() as websocket:
        before = await until_document(websocket, has_price)
        stack.redis.process.freeze()
        refused = await user.client.get("/v2/coin/symbols", headers=user.bearer)
        assert refused.status_code == 503, refused.text
        stack.redis.process.thaw()
        await until_document(websocket, newer_than(before))


async def test_the_exchange_may_be_absent_at_the_start(empty_stack: Stack) -> None:
    stack = empty_stack
    await stack.start_socket(wait=False)
    await stack.start_authorization()
    await stack.start_aggregator(wait=False)
    profile = await stack.start_profile()
    base_url = f"http://127.0.0.1:{profile.port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=20) as client:
        user = await sign_up(base_url, client)
        refused = await user.add("btcusdt", "1")
        assert (refused.status_code, sorted(refused.json())) == (503, ["code", "error"]), refused.text
        await stack.start_simulator()
        added = await until(lambda: _added(user), 60, "the coin is accepted")
        assert added
        async with user.live() as websocket:
            await until_document(websocket, has_price)


async def _added(user: User) -> bool:
    return (await user.add("btcusdt", "1")).status_code in {201, 409}


@pytest.mark.parametrize("end", ["kill", "freeze"])
async def test_authorization_down_is_a_503_and_live_prices_go_on(user: User, stack: Stack, end: str) -> None:
    await user.add("btcusdt", "1")
    async with user.live() as websocket:
        before = await until_document(websocket, has_price)
        getattr(stack.running["authorization"].process, end)()
        answer = await user.client.post("/v1/login", json={"name": user.name, "password": "correct horse battery"})
        assert (answer.status_code, sorted(answer.json())) == (503, ["code", "error"])
        assert (await user.change("btcusdt", "2")).status_code == 200
        await until_document(websocket, newer_than(before))


async def test_accounts_and_portfolios_survive_a_postgresql_restart(
    own_postgres: RunningPostgres, own_redis: RunningRedis
) -> None:
    stack = Stack(own_postgres, own_redis)
    try:
        await stack.start_all()
        base_url = f"http://127.0.0.1:{stack.running['profile'].port}"
        async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=20) as client:
            user = await sign_up(base_url, client)
            assert (await user.add("btcusdt", "1")).status_code == 201
            async with user.live() as websocket:
                before = await until_document(websocket, has_price)
                own_postgres.process.kill()
                down = await user.client.get("/v2/coin/symbols", headers=user.bearer)
                assert (down.status_code, sorted(down.json())) == (503, ["code", "error"])
                await until_document(websocket, newer_than(before))
                own_postgres.process.start()
                await postgres.wait_until_ready(own_postgres.server)

                async def listed() -> bool:
                    answer = await user.client.get("/v2/coin/symbols", headers=user.bearer)
                    return answer.status_code == 200 and len(answer.json()["there are your coins"]) == 1

                await until(listed)
                await sign_up(base_url, client)
    finally:
        stack.stop()


async def test_a_term_signal_under_load_loses_nothing_acknowledged(user: User, stack: Stack) -> None:
    acknowledged: dict[str, Decimal] = {}
    symbols = [entry["symbol"] for entry in await _symbols(user, stack)][:20]
    for symbol in symbols:
        assert (await user.add(symbol, "1")).status_code == 201

    async def keep_changing(symbol: str) -> None:
        for step in range(2, 500):
            try:
                answer = await user.change(symbol, str(step))
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                acknowledged[symbol] = Decimal(step)

    writers = [asyncio.create_task(keep_changing(symbol)) for symbol in symbols]
    await until(lambda: len(acknowledged) == len(symbols))
    profile = stack.running["profile"].process
    code = await asyncio.to_thread(profile.stop, signal.SIGTERM)
    await asyncio.gather(*writers)
    assert code == 0, profile.output()[-3000:]
    connection = await asyncpg.connect(stack.databases["profile"])
    query = "SELECT symbol, quantity FROM coins JOIN users ON users.id = coins.user_id WHERE name = $1"
    stored = dict(await connection.fetch(query, user.name))
    await connection.close()
    for symbol, quantity in acknowledged.items():
        assert stored[symbol] >= quantity, f"{symbol}: {quantity} was acknowledged, {stored[symbol]} is stored"


async def _symbols(user: User, stack: Stack) -> list[dict[str, str]]:
    answer = await user.client.get(f"http://127.0.0.1:{stack.running['aggregator'].port}/symbols")
    symbols: list[dict[str, str]] = answer.json()["symbols"]
    return symbols


async def test_logging_out_closes_the_websocket(user: User) -> None:
    async with user.live() as websocket:
        await websocket.recv()
        left = await user.client.post("/v1/auth/logout", headers=user.bearer)
        assert left.status_code == 200, left.text
        assert await until_closed(websocket) == 4401
    void = await user.client.get("/v2/user/profile", headers=user.bearer)
    assert void.status_code == 401


async def test_deleting_the_account_closes_the_websocket_and_frees_nothing_to_others(user: User) -> None:
    await user.add("btcusdt", "1")
    async with user.live() as websocket:
        await websocket.recv()
        gone = await user.client.delete("/v2/user/profile", headers=user.bearer)
        assert gone.status_code == 200, gone.text
        assert await until_closed(websocket) in {4401, 4404}
    body = {"name": user.name, "password": "correct horse battery"}
    assert (await user.client.post("/v1/login", json=body)).status_code == 401
    assert (await user.client.post("/v1/register", json=body)).status_code == 201
    again = (await user.client.post("/v1/login", json=body)).json()["access_token"]
    coins = await user.client.get("/v2/coin/symbols", headers={"Authorization": f"Bearer {again}"})
    assert coins.json() == {"there are your coins": []}
