"""Real recorded trades through the whole service."""

import gzip
import json
import os
from pathlib import Path

import httpx
import pytest

from tests.processes import until
from tests.socket.harness import Simulator, metric, running_proxy, start_simulator, subscribed


@pytest.mark.recorded
async def test_every_recorded_trade_arrives_unchanged_and_in_order() -> None:
    folder = os.environ.get("RECORDED_DATA_DIR")
    if not folder:
        pytest.skip("RECORDED_DATA_DIR is not set")
    recording = Path(folder) / "spot_btcusdt_20240808.gz"
    recorded = _trades(recording)
    assert len(recorded) == 9_757
    lost = metric("socket_trades_lost_total"), metric("socket_subscribers_cut_total")
    exchange = start_simulator(RECORDING=recording, RECORDING_SPEED=0, RECORDING_WAIT_FOR="ethusdt@aggTrade")
    try:
        await exchange.ready()
        async with (
            running_proxy(exchange.urls, silence_s=60) as proxy,
            subscribed(proxy, "btcusdt", "bnbusdt") as one,
            subscribed(proxy, "btcusdt", "solusdt") as other,
        ):
            await until(lambda: _asked(exchange, "btcusdt", "bnbusdt", "solusdt"), what="the interest of both")
            async with subscribed(proxy, "ethusdt"):
                await until(lambda: _asked(exchange, "btcusdt", "bnbusdt", "solusdt", "ethusdt"))
            await until(lambda: len(one.frames) >= len(recorded) and len(other.frames) >= len(recorded), 60)
            sent = await _sent(exchange.rest_port)
    finally:
        exchange.process.stop()
    assert one.frames == other.frames == sent
    received = [json.loads(data) for data in one.frames]
    assert [(t["a"], t["p"], t["q"], t["T"], t["m"]) for t in received] == recorded
    assert (metric("socket_trades_lost_total"), metric("socket_subscribers_cut_total")) == lost


def _trades(recording: Path) -> list[tuple[int, str, str, int, bool]]:
    with gzip.open(recording) as lines:
        events = [json.loads(line.split(b" ", 1)[1])["data"] for line in lines if b'"btcusdt@trade"' in line]
    return [(event["t"], event["p"], event["q"], event["T"], event["m"]) for event in events]


async def _asked(exchange: Simulator, *symbols: str) -> bool:
    """Whether exactly the trades of `symbols` are asked for, here by a subscriber's interest in a symbol of its own."""
    streams = {stream for connection in (await exchange.state())["connections"] for stream in connection["streams"]}
    return {stream for stream in streams if stream.endswith("@aggTrade")} == {f"{s}@aggTrade" for s in symbols}


async def _sent(rest_port: int) -> list[bytes]:
    """The payloads the simulator sent, byte for byte."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        url = f"http://127.0.0.1:{rest_port}/control/journal?symbol=BTCUSDT&kind=aggTrade"
        lines = (await client.get(url)).content.splitlines()
    return [line.partition(b'"data":')[2].removesuffix(b"}") for line in lines]
