"""The HTTP interface over a real port, with real Redis behind it: answers, refusals and bad input."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.aggregator import followers
from tests.aggregator.conftest import Running, running
from tests.aggregator.socket_peer import START_MS, SocketPeer, ticker, ticker_frame
from tests.processes import until


async def test_follow_and_unfollow_answer_like_the_original(aggregator: Running) -> None:
    for _ in range(2):
        started = await aggregator.http.get("/coin", params={"symbol": "BTCUSDT", "id": "12"})
        assert (started.status_code, started.json()) == (200, {"status": "started", "symbol": "btcusdt"})
    assert await aggregator.redis.smembers("market:follows") == {b"12:btcusdt"}
    for _ in range(2):
        stopped = await aggregator.http.delete("/coin", params={"symbol": "BtcUsdt", "id": "12"})
        answer = {"status": "for user number 12 stopped", "symbol": "btcusdt"}
        assert (stopped.status_code, stopped.json()) == (200, answer)
    assert await aggregator.redis.smembers("market:follows") == set()


async def test_a_lease_states_the_whole_set_and_names_unknown_symbols(aggregator: Running) -> None:
    body = {"symbols": ["ETHUSDT", "btcusdt", "BTCusdt", "btcusdx", "btcusdx"]}
    answer = await aggregator.http.put("/followers/3", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": 3,
        "symbols": ["btcusdt", "ethusdt"],
        "unknown": {"btcusdx": ["btcusdt"]},
        "expires_in_s": 15,
    }
    await until(lambda: aggregator.peer.interest == {"btcusdt", "ethusdt"})
    assert (await aggregator.http.put("/followers/3", json={"symbols": []})).status_code == 200
    await until(lambda: not aggregator.peer.interest)


async def test_a_lease_replaces_earlier_follows_of_the_same_follower(aggregator: Running) -> None:
    await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "3"})
    await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "4"})
    await aggregator.http.put("/followers/3", json={"symbols": ["ethusdt"]})
    assert await aggregator.redis.smembers("market:follows") == {b"4:btcusdt"}
    shown = {f["id"]: f for f in (await aggregator.http.get("/coins")).json()["followers"]}
    assert shown[4] == {"id": 4, "symbols": ["btcusdt"], "expires_in_s": None}
    assert shown[3]["symbols"] == ["ethusdt"]
    assert 0 < shown[3]["expires_in_s"] <= 15


async def test_a_follow_may_join_the_lease_and_ends_with_it(aggregator: Running) -> None:
    await aggregator.http.put("/followers/3", json={"symbols": ["ethusdt"]})
    query = {"symbol": "BTCUSDT", "id": "3", "until": "lease"}
    started = await aggregator.http.get("/coin", params=query)
    assert (started.status_code, started.json()) == (200, {"status": "started", "symbol": "btcusdt"})
    assert await aggregator.redis.smembers("market:follows") == set(), "nothing is left if its holder dies now"
    await until(lambda: aggregator.peer.interest == {"btcusdt", "ethusdt"})
    await aggregator.http.put("/followers/3", json={"symbols": []})
    await until(lambda: not aggregator.peer.interest)


async def test_two_followers_share_one_stream(aggregator: Running) -> None:
    await until(lambda: aggregator.peer.interests, what="the first statement, of none")
    for number in ("1", "2"):
        await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": number})
    await until(lambda: aggregator.peer.interest == {"btcusdt"})
    await aggregator.http.delete("/coin", params={"symbol": "btcusdt", "id": "1"})
    await aggregator.http.get("/coin", params={"symbol": "bnbbtc", "id": "1"})
    await until(lambda: aggregator.peer.interest == {"btcusdt", "bnbbtc"})
    await aggregator.http.delete("/coin", params={"symbol": "btcusdt", "id": "2"})
    await until(lambda: aggregator.peer.interest == {"bnbbtc"})
    stated = [sorted(interest) for interest in aggregator.peer.interests]
    assert stated == [[], ["btcusdt"], ["bnbbtc", "btcusdt"], ["bnbbtc"]], "the whole set at each change"


async def test_an_unknown_symbol_is_refused_with_near_ones(aggregator: Running) -> None:
    refused = await aggregator.http.get("/coin", params={"symbol": "btcusd", "id": "1"})
    assert refused.status_code == 404
    assert refused.json()["code"] == "unknown_symbol"
    assert refused.json()["near"][0] == "btcusdt"
    assert refused.json()["error"]


async def test_symbols_are_listed_as_the_exchange_lists_them(aggregator: Running) -> None:
    symbols = (await aggregator.http.get("/symbols")).json()["symbols"]
    assert symbols[1] == {"symbol": "btcusdt", "base": "BTC", "quote": "USDT", "status": "TRADING"}


async def test_coins_show_every_price_with_its_age(aggregator: Running) -> None:
    frame = ticker_frame(ticker("btcusdt", "0.10000000", START_MS), ticker("ethusdt", "2", START_MS))
    aggregator.peer.emit_tickers(frame)

    async def priced() -> bool:
        return bool((await aggregator.http.get("/coins")).json()["prices"])

    await until(priced)
    answer = await aggregator.http.get("/coins")
    shown = answer.json()
    assert '"p":0.1,' in answer.text
    assert shown["source"] == "binance"
    assert shown["streams"]["mini_tickers"]["up"] is True
    assert sorted(shown["prices"]) == ["btcusdt", "ethusdt"]
    price = shown["prices"]["btcusdt"]
    assert (price["p"], price["t"]) == (0.1, START_MS)
    assert price["age_ms"] > 0


@pytest.fixture
async def waiting(redis_url: str) -> AsyncIterator[Running]:
    """An aggregator whose peer does not know the symbols yet."""
    async with SocketPeer(symbols=None) as peer, running(peer, redis_url) as started:
        yield started


async def test_until_the_symbols_are_known_nothing_is_promised(waiting: Running) -> None:
    requests = [
        waiting.http.get("/coin", params={"symbol": "btcusdt", "id": "1"}),
        waiting.http.put("/followers/1", json={"symbols": ["btcusdt"]}),
        waiting.http.get("/symbols"),
    ]
    for answer in await asyncio.gather(*requests):
        assert (answer.status_code, answer.json()["code"]) == (503, "symbols_unknown")
    waiting.peer.symbols = ["btcusdt"]

    async def followed() -> bool:
        return (await waiting.http.get("/coin", params={"symbol": "btcusdt", "id": "1"})).status_code == 200

    await until(followed)


async def test_a_symbol_of_any_script_can_be_followed(redis_url: str) -> None:
    async with SocketPeer(symbols=["币安人生usdt"]) as peer, running(peer, redis_url) as aggregator:
        await aggregator.until_ready_to_follow()
        answer = await aggregator.http.get("/coin", params={"symbol": "币安人生USDT", "id": "1"})
        assert answer.json() == {"status": "started", "symbol": "币安人生usdt"}
        await until(lambda: peer.interest == {"币安人生usdt"})


BAD_QUERIES = [
    "",
    "symbol=btcusdt",
    "id=1",
    "symbol=&id=1",
    "symbol=btcusdt&id=0",
    "symbol=btcusdt&id=-1",
    "symbol=btcusdt&id=9007199254740992",
    "symbol=btcusdt&id=1.5",
    "symbol=btcusdt&id=NaN",
    "symbol=btcusdt&id=1e400",
    "symbol=btcusdt&id=" + "9" * 5000,
    "symbol=" + "a" * 41 + "&id=1",
]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_bad_query_is_refused(aggregator: Running, method: str) -> None:
    for query in BAD_QUERIES:
        answer = await aggregator.http.request(method, f"/coin?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), query[:60]
        assert set(answer.json()) == {"error", "code"}


async def test_what_cannot_be_a_symbol_is_unknown(aggregator: Running) -> None:
    for symbol in ("%00", "a%20b", "%ff%fe", "*", "auth:revocations", "%F0%9F%92%B0", "%EF%BF%BD"):
        for method in ("GET", "DELETE"):
            answer = await aggregator.http.request(method, f"/coin?symbol={symbol}&id=1")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_symbol"), symbol


JSON = {"content-type": "application/json"}

BAD_BODIES = [
    (b"", 422),
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b"[" * 200_000, 400),
    (b'{"symbols":' + b"9" * 5_000 + b"}", 400),
    (b"null", 422),
    (b"[]", 422),
    (b"{}", 422),
    (b'{"symbols":null}', 422),
    (b'{"symbols":"btcusdt"}', 422),
    (b'{"symbols":[1]}', 422),
    (b'{"symbols":[null]}', 422),
    (b'{"symbols":[""]}', 422),
    (b'{"symbols":["\\ud800"]}', 422),
    (b'{"symbols":["' + b"a" * 41 + b'"]}', 422),
    (b'{"symbols":[' + b",".join([b'"a"'] * 4_097) + b"]}", 422),
    (b'{"symbols":["' + b"a" * 600_000 + b'"]}', 413),
    (b" " * 600_000, 413),
]


async def test_a_bad_body_is_refused(aggregator: Running) -> None:
    for body, status in BAD_BODIES:
        answer = await aggregator.http.put("/followers/1", content=body, headers=JSON)
        assert answer.status_code == status, (body[:60], answer.text)
        assert set(answer.json()) == {"error", "code"}


async def test_a_body_is_json_in_utf8_under_any_content_type(aggregator: Running) -> None:
    body = '{"symbols":[]}'
    assert (await aggregator.http.put("/followers/3", content=body.encode("utf-8-sig"))).status_code == 200
    for encoding in ("utf-16", "utf-32-le"):
        answer = await aggregator.http.put("/followers/3", content=body.encode(encoding))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_a_look_at_a_follow_changes_nothing(aggregator: Running) -> None:
    for query in ({"symbol": "btcusdt", "id": "12"}, {"symbol": "btcusdt", "id": "12", "until": "lease"}):
        assert (await aggregator.http.head("/coin", params=query)).status_code == 200
    assert (await aggregator.http.get("/coins")).json()["followers"] == []
    assert await aggregator.redis.smembers("market:follows") == set()


async def test_an_oversized_body_in_chunks_is_refused_too(aggregator: Running) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 60_000

    answer = await aggregator.http.put("/followers/1", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_that_never_comes_is_given_up(aggregator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.aggregator.answers.BODY_TIMEOUT_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", aggregator.http.base_url.port)
    writer.write(
        b"PUT /followers/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_bad_follower_id_is_refused(aggregator: Running) -> None:
    for number in ("0", "-1", "x", "1.5", "9007199254740992"):
        answer = await aggregator.http.put(f"/followers/{number}", json={"symbols": []})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), number


NO_ROUTES = [
    ("GET", "/nothing", 404, "not_found"),
    ("GET", "/followers/", 404, "not_found"),
    ("POST", "/coin", 405, "method_not_allowed"),
    ("GET", "/followers/1", 405, "method_not_allowed"),
    ("BREW", "/coins", 405, "method_not_allowed"),
]


async def test_unknown_routes_and_methods_answer_in_the_same_shape(aggregator: Running) -> None:
    for method, path, status, code in NO_ROUTES:
        answer = await aggregator.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (method, path)
        assert set(answer.json()) == {"error", "code"}


async def test_the_bounds_of_followers_are_reported(aggregator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "MAX_SYMBOLS_PER_FOLLOWER", 1)
    monkeypatch.setattr(followers, "MAX_FOLLOWERS", 1)
    await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "1"})
    too_many = await aggregator.http.get("/coin", params={"symbol": "ethusdt", "id": "1"})
    assert (too_many.status_code, too_many.json()["code"]) == (422, "too_many_symbols")
    full = await aggregator.http.get("/coin", params={"symbol": "btcusdt", "id": "2"})
    assert (full.status_code, full.json()["code"]) == (503, "followers_full")
    assert await aggregator.redis.smembers("market:follows") == {b"1:btcusdt"}


async def test_the_openapi_document_names_every_route(aggregator: Running) -> None:
    document = (await aggregator.http.get("/openapi.json")).json()
    assert set(document["paths"]) == {"/coin", "/followers/{follower_id}", "/coins", "/symbols"}
    page = await aggregator.http.get("/docs")
    assert "curl -X GET http://localhost:8088/coin" in page.text
    assert "<script" not in page.text
