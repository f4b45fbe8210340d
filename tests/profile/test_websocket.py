"""The websocket's door: bearer or ticket, from our own pages, and a clean refusal otherwise."""

import asyncio
import json
import signal
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.conftest import RunningRedis
from tests.processes import until
from tests.profile.conftest import Service, User, profile_env, start
from tests.profile.scripted import ScriptedAggregator
from tests.profile.tokens import mint

PATH = "/v2/user/profile/ws"


def live(
    profile: Service, *protocols: str, token: str = "", origin: str | None = None, query: str = "", **options: Any
) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(
        f"ws://{profile.address}{PATH}{query}",
        additional_headers=headers,
        origin=Origin(origin) if origin is not None else None,
        subprotocols=[Subprotocol(protocol) for protocol in protocols] or None,
        proxy=None,
        **options,
    )


async def refusal(opening: AbstractAsyncContextManager[ClientConnection]) -> tuple[int, str]:
    """The HTTP status and the slug with which the handshake was refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with opening:
            pass
    answer = refused.value.response
    return answer.status_code, json.loads(answer.body)["code"]


async def ticket_of(user: User) -> dict[str, Any]:
    answer = await user.request("POST", "/v2/user/profile/ws-ticket")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_bearer_opens_it(user: User, profile: Service) -> None:
    async with live(profile, token=user.access) as websocket:
        document = json.loads(await websocket.recv())
        assert document["Name"] == user.name
        assert websocket.subprotocol is None


async def test_a_ticket_opens_it_once(user: User, profile: Service) -> None:
    ticket = await ticket_of(user)
    assert ticket.keys() == {"ticket", "expires_in", "subprotocol"}
    assert ticket["expires_in"] == 30
    assert ticket["subprotocol"] == f"ticket.{ticket['ticket']}"
    origin = profile.url
    async with live(profile, "crypto-service.v1", ticket["subprotocol"], origin=origin) as websocket:
        assert json.loads(await websocket.recv())["Name"] == user.name
        assert websocket.subprotocol == "crypto-service.v1"
    reused = live(profile, "crypto-service.v1", ticket["subprotocol"], origin=origin)
    assert await refusal(reused) == (401, "invalid_ticket")


async def test_a_ticket_offered_alone_is_selected(user: User, profile: Service) -> None:
    """A browser drops a connection that selects none of the protocols it offered. The ticket is spent by then."""
    ticket = await ticket_of(user)
    async with live(profile, ticket["subprotocol"]) as websocket:
        assert websocket.subprotocol == ticket["subprotocol"]


async def test_redis_holds_no_ticket_only_its_hash(user: User, redis_server: RunningRedis) -> None:
    async with Redis.from_url(redis_server.url, protocol=2, decode_responses=True) as redis:
        before = {key async for key in redis.scan_iter("profile:ticket:*")}
        ticket = await ticket_of(user)
        [key] = {key async for key in redis.scan_iter("profile:ticket:*")} - before
        assert ticket["ticket"] not in key
        assert 0 < await redis.ttl(key) <= 30


async def test_a_ticket_of_an_ended_session_opens_nothing(user: User, profile: Service) -> None:
    ticket = await ticket_of(user)
    await user.request("POST", "/v1/auth/logout")
    assert await refusal(live(profile, ticket["subprotocol"])) == (401, "session_ended")


async def test_who_is_refused_before_the_upgrade(user: User, profile: Service) -> None:
    assert await refusal(live(profile)) == (401, "missing_token")
    assert await refusal(live(profile, token="forged")) == (401, "invalid_token")
    assert await refusal(live(profile, token=mint(exp=1))) == (401, "token_expired")
    assert await refusal(live(profile, "ticket.unknown")) == (401, "invalid_ticket")
    for origin in ("https://evil.example", "null", f"{profile.url}.evil.example"):
        assert await refusal(live(profile, token=user.access, origin=origin)) == (403, "foreign_origin")


async def test_a_plain_request_must_upgrade(user: User) -> None:
    answer = await user.request("GET", PATH)
    assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")


async def test_a_change_shows_at_once(user: User, profile: Service) -> None:
    async with live(profile, token=user.access) as websocket:
        assert json.loads(await websocket.recv())["Coins"]["Quantities"] == {}
        await user.send("POST", "/v2/coin/symbol", '{"symbol":"btcusdt","quantity":0.123456789012345678}')
        assert '"Quantities":{"btcusdt":0.123456789012345678}' in str(await websocket.recv())


LEASES = 2
"""Of what is viewed, and of what is held."""


async def test_sigterm_closes_websockets_and_lets_go_of_the_leases(
    user: User,
    profile: Service,
    redis_server: RunningRedis,
    authorization: Service,
    aggregator: ScriptedAggregator,
) -> None:
    env = profile_env(redis_server.url, authorization, aggregator)
    others = set(aggregator.followed)
    replica = await asyncio.to_thread(start, "profile", "HTTP_PORT", profile.database_url, env)
    await until(lambda: len(set(aggregator.followed) - others) == LEASES, what="both leases of the replica")
    followers_of_replica = set(aggregator.followed) - others
    await user.send("POST", "/v2/coin/symbol", '{"symbol":"dogeusdt","quantity":1}')

    def holders() -> set[str]:
        return {follower for follower, symbols in aggregator.followed.items() if "dogeusdt" in symbols}

    before = holders()
    async with live(replica, token=user.access) as websocket:
        (viewing,) = await until(lambda: (holders() - before) & followers_of_replica, what="the lease")
        replica.process.send(signal.SIGTERM)
        with suppress(ConnectionClosedError):  # 1012 is no normal end
            async for _ in websocket:
                pass
    assert websocket.close_code == 1012
    assert await asyncio.to_thread(replica.process.stop) == 0, replica.process.output()
    assert viewing not in holders(), "what is held goes on for the lease's time"
