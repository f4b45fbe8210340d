"""Market data over REST, in Binance's shapes."""

import pytest

from tests.simulator.running import START_MS, running

TRADE = {"symbol": "BTCUSDT", "price": "68000.5", "quantity": "0.25"}
DAY_MS = 86_400_000


async def test_ping_and_time() -> None:
    async with running() as simulator:
        assert (await simulator.http.get("/api/v3/ping")).json() == {}
        assert (await simulator.http.get("/api/v3/time")).json()["serverTime"] > START_MS


async def test_exchange_info_lists_every_symbol_with_its_filters() -> None:
    async with running(symbol_count=400) as simulator:
        info = (await simulator.http.get("/api/v3/exchangeInfo")).json()
        assert len(info["symbols"]) == 400
        btc = info["symbols"][0]
        assert (btc["symbol"], btc["baseAsset"], btc["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")
        filters = {entry["filterType"]: entry for entry in btc["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
        assert {symbol["status"] for symbol in info["symbols"]} == {"TRADING", "BREAK"}


async def test_exchange_info_can_be_narrowed() -> None:
    async with running() as simulator:
        one = (await simulator.http.get("/api/v3/exchangeInfo?symbol=ETHUSDT")).json()
        two = (await simulator.http.get('/api/v3/exchangeInfo?symbols=["ETHUSDT","BTCUSDT"]')).json()
        assert [symbol["symbol"] for symbol in one["symbols"]] == ["ETHUSDT"]
        assert [symbol["symbol"] for symbol in two["symbols"]] == ["ETHUSDT", "BTCUSDT"]
        assert (await simulator.http.get("/api/v3/exchangeInfo?symbols=ETH")).status_code == 400


async def test_agg_trades_start_at_the_id_asked_for() -> None:
    async with running() as simulator:
        burst = await simulator.control("burst", symbol="BTCUSDT", count=1_500)
        first = (await get_trades(simulator, fromId=burst["first_id"], limit=5_000))[:1_000]
        rest = await get_trades(simulator, fromId=first[-1]["a"] + 1, limit=1_000)
        sent = [record["data"] for record in await simulator.journal(kind="aggTrade")]
    assert len(first) == 1_000
    assert [trade["a"] for trade in first + rest] == list(range(burst["first_id"], burst["last_id"] + 1))
    assert list(first[0]) == ["a", "p", "q", "f", "l", "T", "m", "M"]
    assert first + rest == [{k: v for k, v in d.items() if k not in "eEs"} for d in sent]


async def test_agg_trades_without_an_id_are_the_latest_or_those_of_a_time() -> None:
    async with running() as simulator:
        sent = await simulator.control("burst", symbol="BTCUSDT", count=20)
        latest = await get_trades(simulator, limit=3)
        assert [trade["a"] for trade in latest] == list(range(sent["last_id"] - 2, sent["last_id"] + 1))
        assert len(await get_trades(simulator, startTime=latest[0]["T"] - DAY_MS, endTime=latest[-1]["T"])) == 20
        assert await get_trades(simulator, startTime=latest[-1]["T"] + 1) == []
        assert await get_trades(simulator, fromId=sent["last_id"] + 1) == []


async def get_trades(simulator, **params: int):  # type: ignore[no-untyped-def]
    answer = await simulator.http.get("/api/v3/aggTrades", params={"symbol": "BTCUSDT", **params})
    assert answer.status_code == 200
    return answer.json()


async def test_klines_cover_thirty_days_in_pages() -> None:
    async with running() as simulator:
        start_ms, opens = START_MS - 30 * DAY_MS, []
        for _ in range(3):
            params: dict[str, str | int] = {"symbol": "BTCUSDT", "interval": "1m", "startTime": start_ms, "limit": 1000}
            rows = (await simulator.http.get("/api/v3/klines", params=params)).json()
            assert all(len(row) == 12 for row in rows)
            opens += [row[0] for row in rows]
            start_ms = rows[-1][6] + 1
    assert opens == list(range(opens[0], opens[0] + 3_000 * 60_000, 60_000))


async def test_klines_show_the_trades_that_were_streamed() -> None:
    async with running() as simulator:
        await simulator.control("trade", **TRADE)
        rows = (await simulator.http.get("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1")).json()
        assert rows[0][4] == "68000.50000000"
        assert rows[0][8] >= 1


async def test_second_klines_show_the_trades_that_were_streamed() -> None:
    async with running() as simulator:
        sent = await simulator.control("trade", **TRADE)
        second_ms = sent["time"] // 1_000 * 1_000
        params = {"symbol": "BTCUSDT", "interval": "1s", "startTime": second_ms, "limit": 1}
        [row] = (await simulator.http.get("/api/v3/klines", params=params)).json()
    assert (row[0], row[4], row[5], row[8]) == (second_ms, "68000.50000000", "0.25000000", 1)


async def test_wrong_parameters_get_binances_errors() -> None:
    async with running() as simulator:
        for path, code in [
            ("/api/v3/klines?interval=1m", -1102),
            ("/api/v3/klines?symbol=BTCUSDT&interval=2m", -1120),
            ("/api/v3/klines?symbol=NOSUCH&interval=1m", -1121),
            ("/api/v3/aggTrades?symbol=BTCUSDT&fromId=-1", -1100),
            ("/api/v3/exchangeInfo?symbol=btcusdt", -1121),
        ]:
            answer = await simulator.http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (400, code), path
        assert answer.json()["msg"] == "Invalid symbol."


async def test_request_weight_is_counted_and_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as simulator:
        used = [
            int((await simulator.http.get(f"/api/v3/{path}")).headers["X-MBX-USED-WEIGHT-1M"])
            for path in ("ping", "exchangeInfo", "klines?symbol=BTCUSDT&interval=1m")
        ]
        # A new minute may have begun in between, and then the count has started again.
        assert used[1] in (used[0] + 20, 20)
        assert used[2] in (used[1] + 2, 2)
        monkeypatch.setattr("simulator.rest.WEIGHT_PER_MINUTE", 19)
        answer = await simulator.http.get("/api/v3/exchangeInfo?symbol=BTCUSDT")
        assert answer.status_code == 429
        assert answer.json()["code"] == -1003
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
