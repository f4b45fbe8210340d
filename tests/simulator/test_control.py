"""Misbehaviour on request: each kind does what its row in the control table states, and no more."""

import asyncio
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

from simulator.control import MAX_BODY_BYTES
from tests.processes import until
from tests.simulator.running import DEADLINE_S, ask, receive, receive_some, running

TRADE = {"symbol": "BTCUSDT", "price": "68000.5", "quantity": "0.25"}
STREAM = "/ws/btcusdt@aggTrade"


async def test_a_burst_is_exactly_that_many_trades_with_nothing_between() -> None:
    async with running(rate=50) as simulator, simulator.connect("/ws") as client:
        await ask(client, "SUBSCRIBE", ["btcusdt@aggTrade"])
        await simulator.control("pause")
        sent = await simulator.control("burst", symbol="BTCUSDT", count=1_000)
        while (event := await receive(client))["a"] < sent["first_id"]:
            pass
        ids = [event["a"], *(later["a"] for later in await receive_some(client, 999))]
        assert ids == list(range(sent["first_id"], sent["last_id"] + 1))
        assert (await simulator.state())["generating"] is False


async def test_two_exchanges_with_one_seed_and_start_send_the_same() -> None:
    journals = []
    for _ in range(2):
        async with running(seed=5) as simulator:
            await simulator.control("burst", symbol="BTCUSDT", count=200)
            await simulator.control("burst", symbol="ETHUSDT", count=10)
            journals.append([r["data"] for r in await simulator.journal(kind="aggTrade")])
    first, second = ([{k: v for k, v in d.items() if k not in "TE"} for d in journal] for journal in journals)
    assert len(first) == 210
    assert first == second


async def test_skipped_trades_leave_a_gap_that_rest_can_fill() -> None:
    async with running() as simulator, simulator.connect(STREAM) as client:
        before = await simulator.control("trade", **TRADE)
        gap = await simulator.control("skip", symbol="BTCUSDT", count=3)
        after = await simulator.control("trade", **TRADE)
        assert [event["a"] for event in await receive_some(client, 2)] == [before["id"], after["id"]]
        assert (gap["first_id"], gap["last_id"]) == (before["id"] + 1, after["id"] - 1)
        filled = await simulator.http.get(
            "/api/v3/aggTrades", params={"symbol": "BTCUSDT", "fromId": gap["first_id"], "limit": 3}
        )
        skipped = await simulator.journal(kind="skipped")
    assert [trade["a"] for trade in filled.json()] == [record["data"]["a"] for record in skipped]
    assert len(skipped) == 3


async def test_repeated_trades_come_again_as_they_were() -> None:
    async with running() as simulator, simulator.connect(STREAM) as client:
        for _ in range(3):
            await simulator.control("trade", **TRADE)
        assert await simulator.control("repeat", symbol="BTCUSDT", count=2) == {"count": 2}
        events = await receive_some(client, 5)
    assert events[3:] == events[1:3]


async def test_a_malformed_frame_goes_to_the_streams_listeners() -> None:
    async with running() as simulator, simulator.connect(STREAM) as client, simulator.connect("/ws") as other:
        assert await simulator.control("malformed", stream="btcusdt@aggTrade") == {"connections": 1}
        with pytest.raises(ValueError, match=r"delimiter|Unterminated"):
            await receive(client)
        await simulator.control("malformed", stream="btcusdt@aggTrade", text='{"e":1}')
        assert await receive(client) == {"e": 1}
        assert (await ask(other, "LIST_SUBSCRIPTIONS"))["result"] == []


async def test_a_drop_resets_the_chosen_connection() -> None:
    async with running() as simulator, simulator.connect("/ws") as kept, simulator.connect(STREAM) as dropped:
        connections = (await simulator.state())["connections"]
        number = next(c["number"] for c in connections if c["streams"])
        assert await simulator.control("drop", connection=number) == {"connections": 1}
        with pytest.raises(ConnectionClosedError) as closed:
            await receive(dropped)
        assert closed.value.rcvd is None
        assert (await ask(kept, "LIST_SUBSCRIPTIONS"))["result"] == []


async def test_a_frozen_connection_is_open_and_silent_until_thawed() -> None:
    async with running() as simulator, simulator.connect(STREAM) as client:
        await simulator.control("freeze")
        lost = await simulator.control("trade", **TRADE)
        pong = asyncio.ensure_future(await client.ping())
        await client.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        assert (await simulator.state())["connections"][0]["frozen"] is True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.recv()
        assert not pong.done()
        await simulator.control("thaw")
        assert (await receive(client))["id"] == 1
        async with asyncio.timeout(DEADLINE_S):
            await pong
        later = await simulator.control("trade", **TRADE)
        assert (await receive(client))["a"] == later["id"] == lost["id"] + 1


async def test_an_ended_connection_gets_a_close_frame() -> None:
    async with running() as simulator, simulator.connect(STREAM) as client:
        await simulator.control("end")
        async with asyncio.timeout(DEADLINE_S):
            await client.wait_closed()
        assert client.close_code == 1001


async def test_server_shutdown_is_announced_on_every_connection() -> None:
    async with running() as simulator, simulator.connect("/stream") as one, simulator.connect("/ws") as other:
        assert await simulator.control("server-shutdown") == {"connections": 2}
        for client in (one, other):
            event = await receive(client)
            assert event["e"] == "serverShutdown"
            assert isinstance(event["E"], int)


async def test_ignored_requests_are_neither_answered_nor_carried_out() -> None:
    async with running() as simulator, simulator.connect("/ws") as client:
        await simulator.control("ignore-requests", count=1)
        await client.send('{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}')
        assert await ask(client, "LIST_SUBSCRIPTIONS", request_id=2) == {"result": [], "id": 2}


async def test_connections_can_be_refused_with_503() -> None:
    async with running() as simulator:
        await simulator.control("refuse", seconds=60)
        with pytest.raises(InvalidStatus) as refused:
            await simulator.connect("/ws")
        assert refused.value.response.status_code == 503
        await simulator.control("refuse", seconds=0)
        async with simulator.connect("/ws"):
            pass


async def test_connections_can_be_reset() -> None:
    async with running() as simulator:
        await simulator.control("refuse", seconds=60, how="reset")
        with pytest.raises((OSError, InvalidMessage, ConnectionClosed)):
            await simulator.connect("/ws")


async def test_a_refusal_ends_by_itself() -> None:
    async with running() as simulator:
        await simulator.control("refuse", seconds=0.3)

        async def accepted() -> bool:
            try:
                async with simulator.connect("/ws"):
                    return True
            except InvalidStatus:
                return False

        assert await until(accepted)


async def test_rest_can_be_slow_and_can_refuse() -> None:
    async with running() as simulator:
        await simulator.control("rest", delay_s=0.2, reject=1, retry_after_s=7)
        refused = await simulator.http.get("/api/v3/ping")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
        assert refused.json()["code"] == -1003
        started_s = time.monotonic()
        assert (await simulator.http.get("/api/v3/ping")).status_code == 200
        assert time.monotonic() - started_s >= 0.2
        await simulator.control("rest", delay_s=5, undelayed=1)
        assert (await simulator.http.get("/api/v3/ping", timeout=4)).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            await simulator.http.get("/api/v3/ping", timeout=0.1)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("trade", TRADE | {"price": "0"}),
        ("trade", TRADE | {"price": "1e5"}),
        ("trade", TRADE | {"quantity": "99999999999"}),
        ("trade", TRADE | {"symbol": "NOSUCH"}),
        ("trade", TRADE | {"extra": 1}),
        ("burst", {"symbol": "BTCUSDT", "count": 0}),
        ("burst", {"symbol": "BTCUSDT", "count": 1_000_001}),
        ("skip", {"symbol": "BTCUSDT"}),
        ("refuse", {"seconds": "soon"}),
        ("refuse", {"seconds": 1, "how": "sulk"}),
    ],
)
async def test_wrong_control_input_is_refused_and_changes_nothing(action: str, body: dict[str, object]) -> None:
    async with running() as simulator:
        answer = await simulator.http.post(f"/control/{action}", json=body)
        assert answer.status_code == 400
        assert set(answer.json()) == {"code", "msg"}
        assert (await simulator.state())["published"] == {}


async def test_a_body_of_control_is_bounded_and_utf8() -> None:
    text = '{"symbol":"BTCUSDT","price":"1","quantity":"1"}'
    async with running() as simulator:
        for body, status in (
            (text.encode("utf-8-sig"), 200),
            (text.encode("utf-16"), 400),
            (b" " * (MAX_BODY_BYTES + 1), 413),
        ):
            answer = await simulator.http.post("/control/trade", content=body)
            assert answer.status_code == status, answer.text
