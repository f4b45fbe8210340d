"""Replaying a recording: what is sent, what is derived, what is skipped, and when it starts."""

import gzip
import json
from pathlib import Path
from typing import Any

from simulator.recording import parse_line
from tests.processes import until
from tests.simulator.running import Running, receive_some, running

FIRST_NS = 1_723_161_254_087_896_568


def line(number: int, stream: str, data: object) -> bytes:
    return b"%d %b\n" % (FIRST_NS + number * 1_000_000, json.dumps({"stream": stream, "data": data}).encode())


def trade(number: int, price: str) -> dict[str, Any]:
    time_ms = FIRST_NS // 1_000_000 + number
    return {
        "e": "trade",
        "E": time_ms + 1,
        "s": "BTCUSDT",
        "t": 3_735_683_259 + number,
        "p": price,
        "q": "0.02000000",
        "T": time_ms,
        "m": True,
        "M": True,
    }


LINES = [
    line(0, "btcusdt@trade", trade(0, "61837.63000000")),
    line(1, "btcusdt@bookTicker", {"u": 1, "s": "BTCUSDT", "b": "1.0", "B": "1.0", "a": "2.0", "A": "1.0"}),
    b'%d {"lastUpdateId":50093239218,"bids":[]}\n' % FIRST_NS,
    b"nonsense\n",
    line(2, "btcusdt@trade", {"e": "trade", "E": "late"}),
    line(3, "btcusdt@trade", trade(1, "61837.64000000")),
    line(4, "nosuch@trade", trade(2, "1.0") | {"s": "NOSUCH"}),
]


def write(path: Path) -> Path:
    content = b"".join(LINES)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


async def done(simulator: Running) -> Any:
    async def progress() -> Any:
        recording = (await simulator.state())["recording"]
        return recording if recording["done"] else None

    return await until(progress)


async def test_recorded_events_and_derived_trades_are_sent_once_a_client_listens(tmp_path: Path) -> None:
    options = {"recording_speed": 0, "recording_wait_for": "btcusdt@aggTrade", "start_ms": None}
    async with running(recording=write(tmp_path / "tape.gz"), **options) as simulator:
        assert (await simulator.state())["recording"]["started"] is False
        streams = "btcusdt@trade/btcusdt@bookTicker/!miniTicker@arr/btcusdt@aggTrade"
        async with simulator.connect(f"/stream?streams={streams}") as client:
            messages = await receive_some(client, 6)
        progress = await done(simulator)
    kinds = [(message["stream"], message["data"]) for message in messages]
    assert [stream for stream, _ in kinds[:5]] == [
        "btcusdt@aggTrade",
        "btcusdt@trade",
        "btcusdt@bookTicker",
        "btcusdt@aggTrade",
        "btcusdt@trade",
    ]
    assert kinds[1][1] == trade(0, "61837.63000000")
    derived = kinds[3][1]
    assert derived == {
        "e": "aggTrade",
        "E": trade(1, "")["E"],
        "s": "BTCUSDT",
        "a": 3_735_683_260,
        "p": "61837.64000000",
        "q": "0.02000000",
        "f": 3_735_683_260,
        "l": 3_735_683_260,
        "T": trade(1, "")["T"],
        "m": True,
        "M": True,
    }
    stream, [ticker] = kinds[5]
    assert stream == "!miniTicker@arr"
    assert (ticker["c"], ticker["E"]) == ("61837.64000000", derived["E"])
    assert progress == {"started": True, "done": True, "events": 3, "trades": 2, "skipped": 4}


async def test_a_recording_at_speed_starts_at_once_and_answers_rest(tmp_path: Path) -> None:
    async with running(recording=write(tmp_path / "tape.txt"), recording_speed=1, start_ms=None) as simulator:
        assert (await done(simulator))["trades"] == 2
        trades = (await simulator.http.get("/api/v3/aggTrades?symbol=BTCUSDT&fromId=3735683260")).json()
        klines = (await simulator.http.get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1")).json()
        server_time_ms = (await simulator.http.get("/api/v3/time")).json()["serverTime"]
    assert [row["p"] for row in trades] == ["61837.64000000"]
    assert klines[0][4] == "61837.64000000"
    assert server_time_ms == trade(1, "")["E"]


def test_lines_are_read_leniently() -> None:
    assert parse_line(b"") == (None, None)
    assert parse_line(b"12 []") == (12, None)
    time_ns, event = parse_line(b'x {"stream":"s","data":{"a":1}}')
    assert time_ns is None
    assert event is not None
    assert bytes(event.data) == b'{"a":1}'
