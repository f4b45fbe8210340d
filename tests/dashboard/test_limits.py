"""Rate limits of a client: counted by its own address, before any work."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from services.common.client_limits import MAX_CLIENTS, ClientLimit, client_key
from tests.conftest import RunningRedis
from tests.dashboard.conftest import Dashboard, assert_error, client_of, start_dashboard


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_so_many_at_once_then_evenly() -> None:
    clock = Clock()
    limit = ClientLimit("6/minute", clock)
    assert [limit.spend("192.0.2.1") for _ in range(7)] == [0] * 6 + [10]
    clock.now_s += 9.9
    assert limit.spend("192.0.2.1") == 1
    clock.now_s += 0.1
    assert limit.spend("192.0.2.1") == 0
    assert limit.spend("192.0.2.1") == 10
    clock.now_s += 60
    assert [limit.spend("192.0.2.1") for _ in range(7)] == [0] * 6 + [10]


def test_a_client_that_waits_as_required_gets_in() -> None:
    clock = Clock()
    limit = ClientLimit("7/minute", clock)
    waits = []
    for _ in range(20):
        wait_s = limit.spend("192.0.2.1")
        if wait_s:
            waits.append(wait_s)
            clock.now_s += wait_s
            assert limit.spend("192.0.2.1") == 0
    assert waits


def test_parties() -> None:
    assert client_key("192.0.2.1") == "192.0.2.1"
    assert client_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff") != client_key("2001:db8:0:1::1")
    assert client_key("fe80::1%eth0") == client_key("fe80::2")
    assert client_key(None) == client_key("unknown") == ""


def test_what_is_kept_is_bounded() -> None:
    limit = ClientLimit("1/minute", Clock())
    addresses = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(MAX_CLIENTS + 1)]
    assert sum(limit.spend(address) for address in addresses) == 0
    assert limit.spend(addresses[1]) > 0
    assert limit.spend(addresses[0]) == 0  # forgotten: the one silent longest


@pytest.fixture(scope="module")
def strict(redis_server: RunningRedis) -> Iterator[Dashboard]:
    started = start_dashboard(redis_server.url, LIMIT_CLIENT="6/hour", LIMIT_HISTORY="3/hour")
    yield started
    started.process.stop()


async def statuses(client: httpx.AsyncClient, path: str, times: int, address: str) -> list[int]:
    headers = {"X-Forwarded-For": address}
    return [(await client.get(path, headers=headers)).status_code for _ in range(times)]


async def test_a_client_is_refused_and_others_are_not(strict: Dashboard) -> None:
    """The client's address comes from a proxy of ours on this machine (profile)."""
    async with client_of(strict) as client:
        assert await statuses(client, "/prices", 7, "192.0.2.1") == [200] * 6 + [429]
        refused = await client.get("/movers", headers={"X-Forwarded-For": "192.0.2.1"})
        assert_error(refused, 429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 600
        assert await statuses(client, "/prices", 1, "192.0.2.2") == [200]


async def test_history_has_a_smaller_share(strict: Dashboard) -> None:
    async with client_of(strict) as client:
        assert await statuses(client, "/history/btcusdt", 4, "192.0.2.3") == [503] * 3 + [429]
        assert await statuses(client, "/prices", 2, "192.0.2.3") == [200] * 2


async def test_a_stranger_cannot_choose_an_address(redis_server: RunningRedis) -> None:
    started = await asyncio.to_thread(
        start_dashboard, redis_server.url, LIMIT_CLIENT="2/hour", TRUSTED_PROXIES="192.0.2.99"
    )
    try:
        async with client_of(started) as client:
            seen = [(await statuses(client, "/prices", 1, f"192.0.2.{number}"))[0] for number in range(3)]
            assert seen == [200, 200, 429]
    finally:
        started.process.stop()
