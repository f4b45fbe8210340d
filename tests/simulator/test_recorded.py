"""The simulator against real recorded messages: the same keys and value formats, and the recording replayed whole."""

import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import until
from tests.simulator.running import receive, running

TRADES = "spot_btcusdt_20240808.gz"
DATA_DIR = Path(os.environ.get("RECORDED_DATA_DIR") or "absent")

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not (DATA_DIR / TRADES).is_file(), reason="RECORDED_DATA_DIR holds no recordings"),
]


def shape(value: object) -> object:
    """What a value looks like: its type, and for decimal text its number of places."""
    if isinstance(value, str):
        return re.sub(r"\d+\.", "N.", re.sub(r"\.(\d+)", lambda m: f".{len(m[1])}", value)) if "." in value else "text"
    return type(value).__name__


def shapes(event: dict[str, Any]) -> dict[str, object]:
    return {key: shape(value) for key, value in event.items()}


def recorded_trades() -> Iterator[dict[str, Any]]:
    with gzip.open(DATA_DIR / TRADES) as lines:
        for line in lines:
            message = json.loads(line.split(b" ", 1)[1])
            if message.get("stream") == "btcusdt@trade":
                yield message["data"]


async def test_mini_tickers_have_the_recorded_shape() -> None:
    frame = json.loads((DATA_DIR / "miniTicker_arr_1592594715455_26sym.json").read_text())
    today = json.loads((DATA_DIR / "ccxt_spot_miniticker.json").read_text())["messages"]
    async with running(rate=20, symbol_count=30) as simulator, simulator.connect("/ws/!miniTicker@arr") as client:
        ours = await receive(client)
    for recorded in (*frame, *today[1:]):
        assert list(shapes(ours[0]).items()) == list(shapes(recorded).items())
    assert len({ticker["E"] for ticker in ours}) > 1


async def test_an_acknowledgement_is_the_recorded_one() -> None:
    recorded = json.loads((DATA_DIR / "ccxt_spot_miniticker.json").read_text())
    async with running() as simulator, simulator.connect("/ws") as client:
        await client.send(json.dumps(recorded["sentMessages"][0]))
        assert await receive(client) == recorded["messages"][0]


async def test_an_invented_trade_has_the_shape_of_one_derived_from_a_recorded_trade() -> None:
    recorded = next(recorded_trades())
    async with running() as simulator, simulator.connect("/ws/btcusdt@aggTrade") as client:
        await simulator.control("burst", symbol="BTCUSDT", count=1)
        ours = shapes(await receive(client))
    for key in ("E", "s", "p", "q", "T", "m", "M"):
        assert ours[key] == shape(recorded[key])


async def test_the_whole_recording_is_replayed_without_loss_and_ends_at_its_last_price() -> None:
    recorded = list(recorded_trades())
    options = {"recording_speed": 0, "recording_wait_for": "btcusdt@aggTrade", "start_ms": None}
    async with (
        running(recording=DATA_DIR / TRADES, **options) as simulator,
        simulator.connect("/stream?streams=!miniTicker@arr/btcusdt@aggTrade") as client,
    ):
        trades: list[Any] = []
        while len(trades) < len(recorded):
            message = await receive(client)
            if message["stream"] == "btcusdt@aggTrade":
                trades.append(message["data"])
        tickers = await receive(client)
        await until(lambda: _done(simulator))
        progress = (await simulator.state())["recording"]
        journal = await simulator.journal(kind="aggTrade")
    assert [(t["a"], t["p"], t["q"], t["T"], t["E"], t["m"]) for t in trades] == [
        (t["t"], t["p"], t["q"], t["T"], t["E"], t["m"]) for t in recorded
    ]
    assert [record["data"] for record in journal] == trades
    assert tickers["data"][0]["c"] == recorded[-1]["p"]
    assert progress == {"started": True, "done": True, "events": 41_248, "trades": 9_757, "skipped": 1}


async def _done(simulator) -> bool:  # type: ignore[no-untyped-def]
    return bool((await simulator.state())["recording"]["done"])
