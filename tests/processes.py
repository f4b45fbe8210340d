"""Real child processes for tests: started with a readiness check, ended by their id, output kept for failures.

On Linux they die with the tests, also when those are killed.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local.leash import leashed

REPOSITORY = Path(__file__).resolve().parent.parent


PORTS = range(12_000, 20_000)
"""Below those from which the kernel takes ports for outgoing connections (one of these would now and then have a port
before the server does), and below those of the launchers under test."""
BLOCK = 250


@cache
def _own_ports() -> tuple[socket.socket, Iterator[int]]:
    """A claim that lasts as long as this process, and the ports that it keeps from other processes with tests, in turn.

    The first port of a block is bound and stands for all of them.
    """
    blocks = [range(first, first + BLOCK) for first in PORTS[::BLOCK]]
    for claimed, *rest in random.sample(blocks, len(blocks)):
        claim = socket.socket()
        with suppress(OSError):
            claim.bind(("127.0.0.1", claimed))
            return claim, cycle(rest)
        claim.close()
    raise RuntimeError("other tests hold all blocks of ports")


def free_port() -> int:
    """A TCP port without a listener, which no other test is given before hundreds of others.

    So it stays free until it is listened on, and while what listened on it is down.
    """
    _, ports = _own_ports()
    for port in islice(ports, BLOCK):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("every port of this process is taken")


@dataclass(slots=True)
class Process:
    """A child process in a process group of its own. `log` is the file with its output."""

    command: Sequence[str]
    env: Mapping[str, str]
    popen_options: Mapping[str, Any] = field(default_factory=dict)
    log: Path = field(default_factory=lambda: Path(tempfile.mkstemp(prefix="crypto-test-", suffix=".log")[1]))
    popen: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        """Start (or start again after an end).

        The thread that does so must live as long: the kernel takes its end for ours.
        """
        with self.log.open("ab") as output:
            options: dict[str, Any] = {"cwd": REPOSITORY, "start_new_session": True, **self.popen_options}
            # The leash needs our account, and changes it: the other one may not even reach our Python.
            uid, gid = options.pop("user", -1), options.pop("group", -1)
            options.pop("extra_groups", None)
            command = leashed(self.command, signal.SIGKILL, uid, gid)
            environment = {**os.environ, **self.env}
            self.popen = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, **options)
        return self

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    def send(self, number: signal.Signals) -> None:
        """Signal the process, not its group."""
        if self.popen is not None and self.popen.poll() is None:
            self.popen.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP): its connections stay open and silent."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, undrained (SIGKILL), and wait."""
        self.send(signal.SIGKILL)
        if self.popen is not None:
            self.popen.wait(60)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 60.0) -> int:
        """End it politely and return its exit code; SIGKILL when the time is over."""
        if self.popen is None:
            return 0
        self.thaw()
        self.send(number)
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def output(self) -> str:
        return self.log.read_text(errors="replace")


def alive(pid: int) -> bool:
    """Whether that process runs; one that has ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def service(name: str, env: Mapping[str, str]) -> Process:
    """`python -m services.<name>` (or `simulator`), not yet started. Set OPS_PORT in `env` to await readiness."""
    module = name if name == "simulator" else f"services.{name}"
    return Process([sys.executable, "-m", module], {"LOG_FORMAT": "console", **env})


async def until(condition: Any, timeout_s: float = 60.0, what: str = "the condition") -> Any:
    """Poll `condition` (a plain or async callable) until it is truthy and return that; AssertionError at the deadline.

    Exceptions from connections that are not there yet count as "not yet".
    """
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return result
        except (OSError, httpx.HTTPError) as error:
            last = error
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not become true within {timeout_s:g} s (last error: {last!r})")


async def until_ready(process: Process, ops_port: int, timeout_s: float = 60.0) -> None:
    """Wait for the service's /readyz; fail at once, with its output, if the process ends instead."""
    async with httpx.AsyncClient(trust_env=False, timeout=3) as client:

        async def ready() -> bool:
            if process.popen is None or process.popen.poll() is not None:
                raise AssertionError(f"the process ended while starting:\n{process.output()[-4000:]}")
            return (await client.get(f"http://127.0.0.1:{ops_port}/readyz")).status_code == 200

        try:
            await until(ready, timeout_s, f"readiness of {' '.join(process.command)}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{process.output()[-4000:]}") from error
