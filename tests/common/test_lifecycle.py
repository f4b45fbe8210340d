"""A process from start to end, as its supervisor sees it: readiness, exit codes, and nothing that outlives its time."""

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from services.common.http import listen
from services.common.lifecycle import Lifecycle
from tests.processes import Process, free_port, until, until_ready


def sample(how: str, **env: str) -> Process:
    options = {"stdin": subprocess.PIPE} if how == "crash" else {}
    return Process([sys.executable, "-m", "tests.common.sample", how], {"LOG_FORMAT": "json", **env}, options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_exits_with_zero(number: signal.Signals) -> None:
    port = free_port()
    process = sample("serve", OPS_PORT=str(port)).start()
    await until_ready(process, port)
    assert process.stop(number) == 0
    output = process.output()
    assert '"draining": true, "event": "sample.closed"' in output
    assert '"code": 0, "event": "service.stopped"' in output


async def test_a_crashed_task_drains_and_exits_with_one() -> None:
    port = free_port()
    process = sample("crash", OPS_PORT=str(port)).start()
    await until_ready(process, port)
    assert process.popen is not None
    assert process.popen.stdin is not None
    process.popen.stdin.close()
    await until(lambda: process.popen is not None and process.popen.poll() is not None, what="the end")
    assert process.popen.returncode == 1
    output = process.output()
    assert "the task failed" in output
    assert '"draining": true, "event": "sample.closed"' in output


async def test_what_cannot_start_exits_with_one() -> None:
    process = sample("failing").start()
    await until(lambda: process.popen is not None and process.popen.poll() is not None, what="the end")
    assert process.stop() == 1
    assert '"event": "service.crashed"' in process.output()


async def test_a_task_that_loses_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.common.lifecycle._CANCEL_AGAIN_S", 0.01)
    lost = asyncio.Event()

    async def work() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        async with Lifecycle(tasks).background(work(), "work"):
            await asyncio.sleep(0)
        assert lost.is_set()


async def test_a_drain_that_blocks_the_loop_ends_hard() -> None:
    port = free_port()
    process = sample("stubborn", OPS_PORT=str(port), SHUTDOWN_TIMEOUT_S="0.5").start()
    await until_ready(process, port)
    assert process.stop() == 1
    assert '"event": "service.drain_timed_out"' in process.output()


async def test_a_taken_port_is_reported_in_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        process = sample("serve", OPS_PORT=str(port)).start()
        await until(lambda: process.popen is not None and process.popen.poll() is not None, what="the end")
    assert process.stop() == 1
    output = process.output()
    assert f"cannot listen on 127.0.0.1:{port}" in output
    assert "Traceback" not in output
