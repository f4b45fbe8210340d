"""Prices, movers and symbols over HTTP: exact, of one source, cacheable as their headers state."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.dashboard.redis import FRESH_S
from tests.conftest import RunningRedis
from tests.dashboard.conftest import SOURCE, Dashboard, assert_error, client_of, publish_market, start_dashboard
from tests.processes import until


def exact(answer: httpx.Response) -> Any:
    """The document, with numbers exactly as written."""
    return json.loads(answer.text, parse_float=Decimal)


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_price_is_exact(client: httpx.AsyncClient, prefix: str) -> None:
    answer = await client.get(f"{prefix}/prices?symbols=BTCUSDT,btcusdt")
    assert answer.status_code == 200
    document = exact(answer)
    (price,) = document["prices"]
    assert document["source"] == SOURCE
    assert price.pop("age_ms") == document["time"] - price.pop("event_time")
    assert price == {
        "symbol": "btcusdt",
        "price": Decimal("68123.450000000000000001"),
        "open_24h": 67000,
        "high_24h": 68500,
        "low_24h": Decimal("66800.01"),
        "volume_24h": 1,
        "quote_volume_24h": Decimal("8.5"),
        "change_24h": Decimal("1123.450000000000000001"),
        "change_percent_24h": Decimal("1.67679104"),
        "base": "BTC",
        "quote": "USDT",
        "status": "TRADING",
    }
    assert (await client.get("/prices?symbols=ethbtc")).text.count('"price":0.00000001,') == 1


async def test_all_prices_page_by_page(client: httpx.AsyncClient) -> None:
    whole = exact(await client.get("/prices"))
    assert [price["symbol"] for price in whole["prices"]] == ["btcusdt", "ethbtc", "ethusdt", "oldusdt"]
    assert (whole["next"], whole["unknown"]) == (None, {})
    first = exact(await client.get("/prices?limit=2"))
    assert [price["symbol"] for price in first["prices"]] == ["btcusdt", "ethbtc"]
    second = exact(await client.get(f"/prices?limit=2&after={first['next']}"))
    assert ([price["symbol"] for price in second["prices"]], second["next"]) == (["ethusdt", "oldusdt"], None)


async def test_unknown_symbols_are_named_and_unpriced_ones_are_not(client: httpx.AsyncClient) -> None:
    document = exact(await client.get("/prices?symbols=btcusdx,emptyusdt,ghostusdt, ETHUSDT"))
    assert [price["symbol"] for price in document["prices"]] == ["ethusdt"]
    assert document["unknown"].keys() == {"btcusdx", "ghostusdt"}
    assert document["unknown"]["btcusdx"][0] == "btcusdt"


@pytest.mark.parametrize(
    "query",
    [
        "prices?symbols=,",
        f"prices?symbols={','.join(f's{number}' for number in range(501))}",
        "prices?limit=0",
        "prices?limit=5001",
        "prices?limit=x",
        "movers?by=colour",
        "movers?min_volume=-1",
        "movers?min_volume=nan",
        "symbols?search=",
        "symbols?search=btc&assets=perhaps",
        "sparklines",
        f"sparklines?symbols={','.join(f's{number}' for number in range(201))}",
        "history/btcusdt?interval=2m",
        "history/btcusdt?from=yesterday",
        "history/btcusdt?limit=50001",
        "history/btcusdt?format=xml",
        "history/btcusdt?source=a%20b",
    ],
)
async def test_bad_requests_get_a_sentence(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/v1/{query}")
    assert_error(answer, 422, "invalid_request")
    assert answer.headers["cache-control"] == "no-store"


async def test_errors_of_the_routing_have_the_same_shape(client: httpx.AsyncClient) -> None:
    assert_error(await client.get("/nothing"), 404, "not_found")
    assert_error(await client.post("/v1/prices"), 405, "method_not_allowed")
    assert_error(await client.get("/history/btcusdx"), 404, "unknown_symbol")


async def test_movers_and_symbols(client: httpx.AsyncClient) -> None:
    movers = exact(await client.get("/movers?quote=USDT&min_volume=0"))["movers"]
    assert [(mover["symbol"], mover["change_percent_24h"]) for mover in movers] == [
        ("btcusdt", Decimal("1.67679104")),
        ("ethusdt", -10),
    ]
    assert [
        mover["symbol"] for mover in exact(await client.get("/movers?by=losers&limit=1&min_volume=0"))["movers"]
    ] == ["ethusdt"]
    symbols = (await client.get("/symbols?limit=2")).json()
    assert [entry["symbol"] for entry in symbols["symbols"]] == ["btcusdt", "emptyusdt"]
    assert symbols["next"] == "emptyusdt"
    found = (await client.get("/symbols?search=币安人生")).json()["symbols"][0]
    assert found == {"symbol": "币安人生usdt", "base": "币安人生", "quote": "USDT", "status": "TRADING"}
    found = (await client.get("/symbols?search=BTC&assets=true")).json()["symbols"]
    assert found[0] == {"symbol": "btc", "base": "BTC", "quote": "", "status": "TRADING"}
    assert found[1]["symbol"] == "btcusdt"


async def test_a_thin_pair_is_no_mover(client: httpx.AsyncClient) -> None:
    assert exact(await client.get("/movers"))["movers"] == []
    assert [each["symbol"] for each in exact(await client.get("/movers?min_volume=9"))["movers"]] == ["ethusdt"]


async def test_a_delisted_symbol_keeps_its_price_and_assets_and_is_not_offered(client: httpx.AsyncClient) -> None:
    (price,) = exact(await client.get("/prices?symbols=oldusdt"))["prices"]
    assert (price["base"], price["quote"], price["status"], price["price"]) == ("OLD", "USDT", "DELISTED", 3)
    assert (await client.get("/symbols?search=oldusdt")).json()["symbols"] == []
    listed = (await client.get("/symbols")).json()["symbols"]
    assert {"symbol": "oldusdt", "base": "OLD", "quote": "USDT", "status": "DELISTED"} in listed
    movers = exact(await client.get("/movers?min_volume=0"))["movers"]
    assert "oldusdt" not in [mover["symbol"] for mover in movers]
    assert "oldusdt" not in (await client.get("/history/oldusdx")).json()["near"]


async def test_a_client_that_has_an_answer_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/symbols")
    assert first.headers["cache-control"] == "public, max-age=1"
    for tags in (first.headers["etag"], f'"x", {first.headers["etag"].removeprefix("W/")}', "*"):
        again = await client.get("/symbols", headers={"If-None-Match": tags})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == "public, max-age=1"
    assert (await client.get("/symbols", headers={"If-None-Match": '"x"'})).status_code == 200


async def test_headers_are_safe(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/prices")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in headers


async def test_however_many_ask_redis_is_read_once_a_second(client: httpx.AsyncClient, dashboard: Dashboard) -> None:
    sample = 'dashboard_redis_reads_total{outcome="read"}'
    before = await dashboard.metric(sample)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(client.get("/prices") for _ in range(60)))
    reads = await dashboard.metric(sample) - before
    assert reads <= 1 + (loop.time() - started) / FRESH_S


async def test_large_answers_travel_compressed(own_redis: RunningRedis) -> None:
    """And only to those who take it."""
    await publish_market(own_redis.url)
    listings = [{"symbol": f"s{n}usdt", "base": f"S{n}", "quote": "USDT", "status": "TRADING"} for n in range(2000)]
    async with Redis.from_url(own_redis.url, protocol=2) as redis:
        await redis.set("market:symbols", json.dumps({"symbols": listings}))
    dashboard = await asyncio.to_thread(start_dashboard, own_redis.url)
    try:
        async with client_of(dashboard) as client:
            plain = await client.get("/symbols?limit=5000", headers={"Accept-Encoding": "gzip;q=0, br"})
            zipped = await client.get("/symbols?limit=5000", headers={"Accept-Encoding": "br, gzip"})
            assert "content-encoding" not in plain.headers
            assert zipped.headers["content-encoding"] == "gzip"
            assert plain.content == zipped.content
            assert plain.headers["etag"] == zipped.headers["etag"]
            assert plain.headers["vary"] == "Accept-Encoding"
            assert int(zipped.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    finally:
        dashboard.process.stop()


@pytest.mark.parametrize("fault", ["killed", "frozen", "empty"])
async def test_without_redis(own_redis: RunningRedis, fault: str) -> None:
    """503 within the deadline, not ready (nor dead) where Redis is away, and well again with it."""
    if fault != "empty":
        await publish_market(own_redis.url)
    dashboard = await asyncio.to_thread(start_dashboard, own_redis.url)
    try:
        async with client_of(dashboard) as client:
            if fault == "killed":
                own_redis.process.kill()
            if fault == "frozen":
                own_redis.process.freeze()
            for path in ("/prices", "/movers", "/symbols", "/history/btcusdt", "/sparklines?symbols=btcusdt"):
                answer = await client.get(path)
                assert_error(answer, 503, "prices_unavailable")
                assert answer.headers["retry-after"] == "1"
            ready = (await client.get(f"http://127.0.0.1:{dashboard.ops_port}/readyz")).status_code
            assert ready == (200 if fault == "empty" else 503)
            own_redis.process.thaw()
            if fault == "killed":
                own_redis.process.start()
            await until(lambda: republish(own_redis), what="the market is in Redis again")

            async def answers() -> bool:
                return (await client.get("/prices?symbols=btcusdt")).status_code == 200

            await until(answers, what="prices are back")
    finally:
        dashboard.process.stop()


async def republish(running: RunningRedis) -> bool:
    try:
        await publish_market(running.url)
    except RedisError:
        return False
    return True
