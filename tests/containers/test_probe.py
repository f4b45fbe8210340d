"""The images' health-check command, against a real operator's endpoint."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from services.common import probe
from services.common.health import Health
from services.common.ops import serve_ops
from tests.processes import REPOSITORY, free_port


async def ask(port: int, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as a container runs it."""
    environment = {**os.environ, "OPS_PORT": str(port), **env}
    command = [sys.executable, "-m", "services.common.probe"]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


async def test_ready_is_exit_code_zero() -> None:
    port = free_port()
    async with serve_ops(Health(started=True), "127.0.0.1", port):
        done = await ask(port)
    assert (done.returncode, done.stdout) == (0, '{"ready":true,"problems":{}}\n')


async def test_unready_is_exit_code_one_and_a_reason() -> None:
    port = free_port()
    async with serve_ops(Health(started=True, draining=True), "127.0.0.1", port):
        done = await ask(port)
    assert done.returncode == 1
    assert "draining" in done.stdout


async def test_a_proxy_of_the_environment_is_not_asked() -> None:
    port = free_port()
    async with serve_ops(Health(started=True), "127.0.0.1", port):
        done = await ask(port, http_proxy=f"http://127.0.0.1:{free_port()}", no_proxy="")
    assert done.returncode == 0


async def test_no_listener_is_exit_code_one_without_a_stack_trace() -> None:
    done = await ask(free_port())
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stdout
    assert done.stderr == ""


def test_a_silent_server_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        healthy, text = probe.probe(f"http://127.0.0.1:{silent.getsockname()[1]}/readyz")
    assert not healthy
    assert "TimeoutError" in text


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "http:///readyz", "http://127.0.0.1:x/"])
def test_a_wrong_address_is_unhealthy(url: str) -> None:
    assert not probe.probe(url)[0]


def test_an_address_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main([f"http://127.0.0.1:{free_port()}/livez"]) == 1
    assert "ConnectionRefusedError" in capsys.readouterr().out
