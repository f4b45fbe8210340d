"""The wire, as a client sees it: paths, wrapping, requests, event shapes, limits and the end of connections."""

import asyncio
import json
import socket
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.processes import until
from tests.simulator.running import DEADLINE_S, ask, receive, receive_some, running

TRADE = {"symbol": "BTCUSDT", "price": "68000.5", "quantity": "0.25"}


async def test_a_raw_stream_brings_bare_events_of_binances_shape() -> None:
    async with running() as simulator, simulator.connect("/ws/btcusdt@aggTrade") as client:
        sent = await simulator.control("trade", **TRADE)
        event = await receive(client)
    assert list(event) == ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"]
    assert (event["e"], event["s"], event["a"]) == ("aggTrade", "BTCUSDT", sent["id"])
    assert (event["p"], event["q"]) == ("68000.50000000", "0.25000000")
    assert event["T"] == event["E"] == sent["time"]
    assert event["M"] is True


async def test_a_combined_stream_wraps_events_but_not_answers() -> None:
    async with running() as simulator, simulator.connect("/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade") as client:
        assert await ask(client, "LIST_SUBSCRIPTIONS") == {"result": ["btcusdt@aggTrade", "ethusdt@aggTrade"], "id": 1}
        await simulator.control("trade", **TRADE)
        message = await receive(client)
    assert list(message) == ["stream", "data"]
    assert message["stream"] == "btcusdt@aggTrade"
    assert message["data"]["p"] == "68000.50000000"


async def test_several_raw_streams_can_share_a_path() -> None:
    async with running() as simulator, simulator.connect("/ws/btcusdt@aggTrade/ethusdt@aggTrade") as client:
        await simulator.control("trade", **TRADE | {"symbol": "ETHUSDT"})
        assert (await receive(client))["s"] == "ETHUSDT"


async def test_subscriptions_begin_and_end_with_their_acknowledged_requests() -> None:
    async with running() as simulator, simulator.connect("/stream") as client:
        await simulator.control("trade", **TRADE)
        assert await ask(client, "SUBSCRIBE", ["btcusdt@aggTrade"], 7) == {"result": None, "id": 7}
        second = await simulator.control("trade", **TRADE)
        assert (await receive(client))["data"]["a"] == second["id"]
        assert await ask(client, "UNSUBSCRIBE", ["btcusdt@aggTrade"], "x") == {"result": None, "id": "x"}
        await simulator.control("trade", **TRADE)
        assert await ask(client, "LIST_SUBSCRIPTIONS", request_id=None) == {"result": [], "id": None}


async def test_a_wrong_request_is_answered_and_harms_nothing() -> None:
    async with running() as simulator, simulator.connect("/ws/btcusdt@aggTrade") as client:
        await client.send("{nonsense")
        assert (await receive(client))["error"]["code"] == 3
        await simulator.control("trade", **TRADE)
        assert (await receive(client))["e"] == "aggTrade"


async def test_symbols_beyond_ascii_have_streams() -> None:
    name = "币安人生usdt@aggTrade"
    async with running(symbol_count=5) as simulator, simulator.connect(f"/stream?streams={quote(name)}") as client:
        await simulator.control("trade", symbol="币安人生USDT", price="0.12", quantity="5")
        message = await receive(client)
    assert (message["stream"], message["data"]["s"]) == (name, "币安人生USDT")


async def test_mini_tickers_come_for_changed_symbols_only() -> None:
    streams = "!miniTicker@arr/ethusdt@miniTicker"
    async with running() as simulator, simulator.connect(f"/stream?streams={streams}") as client:
        await simulator.control("trade", **TRADE)
        first = await receive(client)
        assert first["stream"] == "!miniTicker@arr"
        [ticker] = first["data"]
        assert list(ticker) == ["e", "E", "s", "c", "o", "h", "l", "v", "q"]
        assert (ticker["e"], ticker["s"], ticker["c"]) == ("24hrMiniTicker", "BTCUSDT", "68000.50000000")
        eth = await simulator.control("trade", symbol="ETHUSDT", price="2600", quantity="1")
        both = {message["stream"]: message["data"] for message in await receive_some(client, 2)}
        assert both["!miniTicker@arr"] == [both["ethusdt@miniTicker"]]
        assert both["ethusdt@miniTicker"]["E"] == eth["time"]


async def test_events_in_one_ticker_frame_have_their_own_times() -> None:
    async with running() as simulator, simulator.connect("/ws/!miniTicker@arr") as client:
        times = {}
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
            times[symbol] = (await simulator.control("trade", **TRADE | {"symbol": symbol}))["time"]
        seen: dict[str, int] = {}
        while len(seen) < 3:
            seen |= {ticker["s"]: ticker["E"] for ticker in await receive(client)}
    assert seen == times


async def test_the_market_trades_by_itself_and_the_journal_knows_all_of_it() -> None:
    async with running(rate=20) as simulator, simulator.connect("/ws/btcusdt@aggTrade") as client:
        events = await receive_some(client, 50)
        await simulator.control("pause")
        journal = await simulator.journal(symbol="BTCUSDT", kind="aggTrade")
    sent = {record["data"]["a"]: record["data"] for record in journal}
    assert [event["a"] for event in events] == list(range(events[0]["a"], events[0]["a"] + 50))
    assert [sent[event["a"]] for event in events] == events
    assert all(record["receivers"] == 1 for record in journal if record["data"]["a"] >= events[0]["a"])


async def test_nothing_trades_while_paused() -> None:
    async with running(rate=50) as simulator, simulator.connect("/ws/btcusdt@aggTrade") as client:
        await receive(client)
        await simulator.control("pause")
        before = (await simulator.state())["published"]["aggTrade"]
        await asyncio.sleep(0.2)  # the absence of trades has no other sign than time
        assert (await simulator.state())["published"]["aggTrade"] == before
        await simulator.control("resume")
        await until(lambda: _more_published(simulator, before))


async def _more_published(simulator, before: int) -> bool:  # type: ignore[no-untyped-def]
    return bool((await simulator.state())["published"]["aggTrade"] > before)


async def test_more_than_five_messages_a_second_end_the_connection() -> None:
    async with running() as simulator, simulator.connect("/ws") as client:
        for number in range(6):
            await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        with pytest.raises(ConnectionClosed) as closed:
            await receive_some(client, 6)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_control_frames_count_as_messages() -> None:
    async with running() as simulator, simulator.connect("/ws") as client:
        for number in range(6):
            await client.ping(str(number))
        async with asyncio.timeout(DEADLINE_S):
            await client.wait_closed()
        assert client.close_code == 1008


async def test_1024_streams_are_allowed_and_one_more_ends_the_connection() -> None:
    names = [f"s{number}@aggTrade" for number in range(1025)]
    async with running() as simulator, simulator.connect("/ws") as client:
        assert await ask(client, "SUBSCRIBE", names[:1024]) == {"result": None, "id": 1}
        with pytest.raises(ConnectionClosed):
            await ask(client, "SUBSCRIBE", names[1024:])


async def test_too_many_streams_in_the_path_end_the_connection() -> None:
    names = "/".join(str(number) for number in range(1025))
    async with running() as simulator, simulator.connect(f"/stream?streams={names}") as client:
        async with asyncio.timeout(DEADLINE_S):
            await client.wait_closed()
        assert client.close_code == 1008


async def test_connection_attempts_are_limited() -> None:
    async with running(connect_limit=2) as simulator:
        for _ in range(2):
            async with simulator.connect("/ws"):
                pass
        with pytest.raises(InvalidStatus) as refused:
            await simulator.connect("/ws")
    assert refused.value.response.status_code == 429


async def test_an_unknown_path_is_refused() -> None:
    async with running() as simulator:
        with pytest.raises(InvalidStatus) as refused:
            await simulator.connect("/wsx")
    assert refused.value.response.status_code == 404


async def test_pings_carry_a_payload_and_keep_an_answering_client() -> None:
    async with running(ping_interval_s=0.3, pong_timeout_s=0.5) as simulator, simulator.connect("/ws") as client:
        pings: list[bytes] = []
        process_event = client.process_event

        def watch(event) -> None:  # type: ignore[no-untyped-def]
            pings.append(bytes(event.data))
            process_event(event)

        client.process_event = watch  # type: ignore[method-assign]
        await until(lambda: len(pings) >= 4)
        assert all(ping.isdigit() for ping in pings)
        assert await ask(client, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


async def test_a_client_without_pongs_is_cut() -> None:
    async with running(ping_interval_s=0.1, pong_timeout_s=0.2) as simulator, simulator.connect("/ws") as client:
        client.transport.pause_reading()
        await until(lambda: _no_connections(simulator))
        client.transport.resume_reading()
        with pytest.raises(ConnectionClosed):
            await client.recv()


async def _no_connections(simulator) -> bool:  # type: ignore[no-untyped-def]
    return not (await simulator.state())["connections"]


async def test_a_connection_ends_when_its_life_is_over() -> None:
    async with running(connection_lifetime_s=0.2) as simulator, simulator.connect("/ws") as client:
        async with asyncio.timeout(DEADLINE_S):
            await client.wait_closed()
        assert client.close_code == 1001


async def test_a_client_that_never_reads_is_cut_while_others_get_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.hub.DRAIN_TIMEOUT_S", 1.0)
    count = 30_000
    small_socket = socket.socket()
    small_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    async with running() as simulator, simulator.connect("/ws/btcusdt@aggTrade") as reader:
        small_socket.connect(("127.0.0.1", simulator.settings.stream_port))
        sleeper = await simulator.connect("/ws/btcusdt@aggTrade", sock=small_socket)
        sleeper.transport.pause_reading()
        bursting = asyncio.create_task(simulator.control("burst", symbol="BTCUSDT", count=count))
        ids = [event["a"] for event in await receive_some(reader, count)]
        sent = await bursting
        assert ids == list(range(sent["first_id"], sent["last_id"] + 1))
        await until(lambda: _connections_left(simulator, 1))
        sleeper.transport.abort()


async def _connections_left(simulator, count: int) -> bool:  # type: ignore[no-untyped-def]
    return len((await simulator.state())["connections"]) == count


async def test_what_a_slow_client_has_not_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.connection.MAX_UNREAD_BYTES", 1_000_000)
    async with running() as simulator, simulator.connect("/ws/btcusdt@aggTrade") as client:
        client.transport.pause_reading()
        sent = {"connections": 1}
        for _ in range(20):
            if not sent["connections"]:
                break
            sent = await simulator.control("malformed", stream="btcusdt@aggTrade", text="x" * 2_000_000)
        assert sent == {"connections": 0}
        client.transport.abort()
