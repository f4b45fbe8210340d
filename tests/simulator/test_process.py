"""`python -m simulator` as people start it: ready, journalling to disk, gone on SIGTERM, clear about a taken port."""

import asyncio
import json
import signal
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from tests.processes import Process, free_port, service, until_ready


def ports() -> dict[str, str]:
    return {name: str(free_port()) for name in ("STREAM_PORT", "REST_PORT", "OPS_PORT")}


def simulator(**env: str) -> Process:
    return service("simulator", {"SYMBOL_COUNT": "3"} | env)


async def test_a_process_serves_journals_and_drains(tmp_path: Path) -> None:
    journal, env = tmp_path / "journal.ndjson", ports()
    process = simulator(JOURNAL=str(journal), RATE="5", **env).start()
    try:
        await until_ready(process, int(env["OPS_PORT"]))
        url = f"ws://127.0.0.1:{env['STREAM_PORT']}/ws/btcusdt@aggTrade"
        async with connect(url, proxy=None, max_queue=None) as client:
            events = [json.loads(await client.recv()) for _ in range(5)]
            async with httpx.AsyncClient(trust_env=False) as http:
                metrics = (await http.get(f"http://127.0.0.1:{env['OPS_PORT']}/metrics")).text
            assert "simulator_connections 1.0" in metrics
            assert await asyncio.to_thread(process.stop, signal.SIGTERM) == 0
            await client.wait_closed()
            assert client.close_code == 1001
    finally:
        process.kill()
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    sent = [record["data"] for record in records if record["kind"] == "aggTrade" and record["symbol"] == "BTCUSDT"]
    assert all(event in sent for event in events)


async def test_a_taken_port_ends_the_start_with_a_sentence() -> None:
    env = ports()
    first = simulator(**env).start()
    try:
        await until_ready(first, int(env["OPS_PORT"]))
        second = simulator(**env | {"OPS_PORT": str(free_port()), "REST_PORT": str(free_port())}).start()
        assert second.popen is not None
        assert second.popen.wait(30) == 1
        assert f"cannot listen on 127.0.0.1:{env['STREAM_PORT']}" in second.output()
    finally:
        first.stop()


async def test_a_wrong_setting_is_named() -> None:
    process = simulator(SYMBOL_COUNT="0").start()
    assert process.popen is not None
    assert process.popen.wait(30) == 2
    assert "SYMBOL_COUNT" in process.output()
