"""History over HTTP, from the real engine: exact in every format, every candle once, never of two sources."""

import asyncio
import json
import time
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest

from tests.dashboard.conftest import Engine, assert_error

PRICE = "98765432109876543210.123456789012345678"
"""All 38 digits that the column holds."""
DAY_S = 1_767_225_600  # 2026-01-01
FORMATS = {"arrow": "ArrowStream", "parquet": "Parquet"}
COLUMNS = "time,open,high,low,close,volume,quote_volume,volume_24h,quote_volume_24h,trades,vwap"


async def add_candles(engine: Engine) -> None:
    """BTC: 100 minutes with gaps, of our source; others of another source between them. ETH: a day, and 30 hours."""
    await engine.add_candles("BTCUSDT", "1m", MINUTES_S, PRICE)
    await engine.add_candles("BTCUSDT", "1m", [DAY_S + 60 * 11, DAY_S + 60 * 900], "7", source="binance")
    await engine.add_candles("ETHBTC", "1d", [DAY_S], "0.000000000000000001")
    hour_s = int(time.time()) // 3600 * 3600
    await engine.add_candles("ETHUSDT", "1h", [hour_s - 3600 * ago for ago in range(30)], "2.5")
    await engine.add_candles("BTCUSDT", "1h", [hour_s], "3", source="binance")


@pytest.fixture(scope="module", autouse=True)
def candles(engine: Engine) -> None:
    asyncio.run(add_candles(engine))


MINUTES_S = [DAY_S + 60 * (number + number // 10) for number in range(100)]


def exact(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)


async def test_candles_are_exact(client: httpx.AsyncClient) -> None:
    document = exact(await client.get(f"/v1/history/BTCUSDT?from={DAY_S * 1000}&to={DAY_S * 1000 + 60_000}"))
    value = Decimal(PRICE)
    figures: dict[str, Decimal | None] = {"o": value, "h": value, "l": value, "c": value, "v24": value, "q24": value}
    figures |= dict.fromkeys(("v", "q", "n", "vwap"))
    assert document == {
        "symbol": "btcusdt",
        "interval": "1m",
        "source": "simulator",
        "candles": [{"t": DAY_S * 1000, **figures}],
        "next": None,
        "previous": None,
    }


async def test_small_numbers_are_plain(client: httpx.AsyncClient) -> None:
    answer = await client.get("/history/ethbtc?interval=1d")
    assert '"o":0.000000000000000001,' in answer.text


async def test_csv(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/history/btcusdt?format=csv&from={DAY_S * 1000}&limit=1")
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = answer.text.splitlines()
    assert head.replace('"', "") == COLUMNS
    assert row.replace('"', "") == f"2026-01-01T00:00:00Z,{','.join([PRICE] * 4)},,,{PRICE},{PRICE},,"
    assert answer.headers["x-next"] == str((DAY_S + 60) * 1000)
    assert "x-previous" not in answer.headers
    assert answer.headers["content-disposition"] == 'attachment; filename="btcusdt-1m.csv"'


@pytest.mark.parametrize("form", FORMATS)
async def test_binary_formats_hold_the_same(client: httpx.AsyncClient, engine: Engine, form: str) -> None:
    """Read back by the engine: types and every digit."""
    answer = await client.get(f"/history/btcusdt?format={form}&from={DAY_S * 1000}&limit=2")
    assert answer.headers["content-type"] == f"application/vnd.apache.{form}{'.stream' if form == 'arrow' else ''}"
    assert "content-encoding" not in answer.headers
    table = f"read_{form}"
    await engine.run(
        f"CREATE OR REPLACE TABLE {table} (time DateTime64(3, 'UTC'), open Decimal(38, 18), high Decimal(38, 18), "
        "low Decimal(38, 18), close Decimal(38, 18), volume Nullable(Decimal(38, 18)), "
        "quote_volume Nullable(Decimal(38, 18)), volume_24h Nullable(Decimal(38, 18)), "
        "quote_volume_24h Nullable(Decimal(38, 18)), trades Nullable(UInt64), vwap Nullable(Decimal(38, 18))) "
        "ENGINE = Memory"
    )
    await engine.run(f"INSERT INTO {table} FORMAT {FORMATS[form]}", answer.content)
    rows = (
        await engine.run(f"SELECT time, open, close, volume, quote_volume_24h FROM {table} ORDER BY time")
    ).splitlines()
    assert rows == [f"2026-01-01 00:0{minute}:00.000\t{PRICE}\t{PRICE}\t\\N\t{PRICE}" for minute in (0, 1)]


LARGEST = "99999999999999999999.999999999999999999"
TRADED = [
    ("1", "3", 7),
    ("2", "3", 0),
    ("1.000000000000000001", "2", 2**63 - 1),
    (LARGEST, LARGEST, 1),
    (LARGEST, "1", 1),
    (LARGEST, "0.5", 1),  # an average that no price can have
    ("0", "0", 0),
    ("1", "0", 1),
]


async def test_the_average_price_is_exact_and_unknown_where_nothing_was_traded(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    for minute, (quote, base, trades) in enumerate(TRADED):
        await engine.run(
            "INSERT INTO candles_1m_states "
            "(source, symbol, time, open, high, low, close, volume, quote_volume, trades) "
            f"SELECT 'simulator', 'EMPTYUSDT', toDateTime({DAY_S + 60 * minute}, 'UTC'), (now64(3), 1), 1, 1, "
            f"(now64(3), 1), toDecimal128('{base}', 18), toDecimal128('{quote}', 18), {trades}"
        )
    query = f"from={DAY_S * 1000}&to={(DAY_S + 3_600) * 1000}"
    page = exact(await client.get(f"/history/emptyusdt?{query}"))
    assert [(candle["v"], candle["q"], candle["n"]) for candle in page["candles"]] == [
        (Decimal(base), Decimal(quote), trades) for quote, base, trades in TRADED
    ]
    averages = [average(Decimal(quote), Decimal(base)) for quote, base, _ in TRADED]
    assert [candle["vwap"] for candle in page["candles"]] == averages
    rows = (await client.get(f"/history/emptyusdt?{query}&format=csv")).text.splitlines()[1:]
    assert [Decimal(text) if (text := row.split(",")[-1]) else None for row in rows] == averages


def average(quote: Decimal, base: Decimal) -> Decimal | None:
    """Cut off after 18 places; what has more than 20 before the point is no price."""
    if not base:
        return None
    found = Decimal(int(Fraction(quote) / Fraction(base) * 10**18)).scaleb(-18, Context(prec=60))
    return found if found < 10**20 else None


async def test_pages_forward_hold_every_candle_once(client: httpx.AsyncClient) -> None:
    seen: list[int] = []
    start: object = DAY_S * 1000
    while start is not None:
        page = exact(await client.get(f"/history/btcusdt?limit=7&from={start}&to={(DAY_S + 86_400) * 1000}"))
        seen += [candle["t"] for candle in page["candles"]]
        assert page["previous"] is None
        start = page["next"]
    assert seen == [time_s * 1000 for time_s in MINUTES_S]


async def test_pages_backward_hold_every_candle_once(client: httpx.AsyncClient) -> None:
    """From now on, which is far behind the last candle."""
    seen: list[int] = []
    query = ""
    while True:
        page = exact(await client.get(f"/history/btcusdt?limit=7{query}"))
        seen = [candle["t"] for candle in page["candles"]] + seen
        assert page["next"] is None
        if page["previous"] is None:
            break
        query = f"&to={page['previous']}"
    assert seen == [time_s * 1000 for time_s in MINUTES_S]


async def test_times_in_words(client: httpx.AsyncClient) -> None:
    page = exact(await client.get("/history/btcusdt?from=2026-01-01T00:01:00Z&to=2026-01-01T01:03:00+01:00"))
    assert [candle["t"] for candle in page["candles"]] == [(DAY_S + 60) * 1000, (DAY_S + 120) * 1000]


async def test_sources_never_mix(client: httpx.AsyncClient) -> None:
    ours = exact(await client.get(f"/history/btcusdt?from={DAY_S * 1000}&limit=50000"))
    assert {candle["o"] for candle in ours["candles"]} == {Decimal(PRICE)}
    other = exact(await client.get(f"/history/btcusdt?from={DAY_S * 1000}&limit=50000&source=binance"))
    assert other["source"] == "binance"
    assert [candle["t"] for candle in other["candles"]] == [(DAY_S + 60 * 11) * 1000, (DAY_S + 60 * 900) * 1000]


@pytest.mark.parametrize("query", ["from=2030-01-01", "to=0", "from=2026-01-02&to=2026-01-01", "interval=1s"])
async def test_nothing_there_is_an_empty_page(client: httpx.AsyncClient, query: str) -> None:
    page = exact(await client.get(f"/history/btcusdt?{query}"))
    assert (page["candles"], page["next"], page["previous"]) == ([], None, None)


async def test_a_listed_symbol_without_history_is_empty_and_an_unknown_one_is_404(client: httpx.AsyncClient) -> None:
    assert exact(await client.get("/history/币安人生usdt"))["candles"] == []
    refused = await client.get("/history/btcusdx")
    assert_error(refused, 404, "unknown_symbol")
    assert refused.json()["near"][0] == "btcusdt"


async def test_names_are_values_and_never_sql(client: httpx.AsyncClient, engine: Engine) -> None:
    attack = "' OR 1=1 --"
    assert_error(await client.get(f"/history/{attack}"), 404, "unknown_symbol")
    assert_error(await client.get("/history/btcusdt", params={"source": attack}), 422, "invalid_request")
    assert await engine.run("SELECT count() > 0 FROM candles_1m") == "1\n"


@pytest.mark.parametrize(
    ("query", "max_age_s"),
    [
        ("", 1),
        ("?from=2026-01-01T00:00:00Z", 1),
        ("?from=2026-01-01T00:00:00Z&to=2026-01-02", 60),
        ("?from=2026-01-01T00:00:00Z&limit=10", 60),
        ("?to=2026-01-02&source=simulator", 60),
        ("?source=simulator", 1),
        ("?to=2100-01-01", 1),
    ],
)
async def test_what_is_settled_may_be_kept_for_a_minute(client: httpx.AsyncClient, query: str, max_age_s: int) -> None:
    answer = await client.get(f"/history/btcusdt{query}")
    assert answer.headers["cache-control"] == f"public, max-age={max_age_s}"
    again = await client.get(f"/history/btcusdt{query}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_sparklines(client: httpx.AsyncClient) -> None:
    """From the price 24 h ago to the price now, also where there is no history."""
    answer = await client.get("/sparklines?symbols=ETHUSDT,btcusdt,emptyusdt,nosuch")
    document = exact(answer)
    assert (document["source"], document["interval"]) == ("simulator", "1h")
    line = document["sparklines"]["ethusdt"]
    assert len(line) == 25
    assert line == sorted(line)
    assert [close for _, close in line] == [100, *[Decimal("2.5")] * 23, 90]
    assert [close for _, close in document["sparklines"]["btcusdt"]] == [67000, Decimal("68123.450000000000000001")]
    assert document["sparklines"]["emptyusdt"] == []
    assert list(document["unknown"]) == ["nosuch"]
    assert answer.headers["cache-control"] == "public, max-age=10"
