"""Keeping one component alive: start, readiness, output, restart after a crash or a hang, polite end.

It is never given up; restarts.py has the delays, pulse.py the signs of life.
"""

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from deploy.local.component import Component
from deploy.local.console import Console
from deploy.local.leash import leashed
from deploy.local.pulse import until_silent
from deploy.local.restarts import Restarts

USES_PATIENCE_S = 10.0
"""How long a component waits for what it uses but copes without: an exchange that is down stops no component."""
READY_POLL_S = 0.1
READY_PATIENCE_S = 30.0
"""After so long without readiness, and every so long again, the launcher reports what is missing."""
RESTART_CAP_S = 5.0
COMMAND_RESTART_CAP_S = 30.0
"""Of a command that runs to its end: what it lacks (a network, a disk) is not back within seconds."""
FAILURES_REPORTED = 5
"""After so many failed starts in a row, and every so many again, the last lines are shown."""
LAST_LINES = 12
LINE_MAX_BYTES = 8192
STOP_GRACE_S = 12.0
"""From the stop signal to SIGKILL. The services give themselves less (SHUTDOWN_TIMEOUT_S)."""


@dataclass(slots=True)
class Keeper:
    """Runs `component` until cancelled; cancelling ends the process politely, or at once when `hurry` is set."""

    component: Component
    console: Console
    hurry: asyncio.Event
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the first readiness, and never cleared: a component that waited for it copes with a restart."""
    missing: str = "not started"
    process: Process | None = None
    _restarts: Restarts = field(init=False)
    _fell_back: bool = False
    _ready_since: float | None = None
    """When this life of the process became ready."""
    _last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    def __post_init__(self) -> None:
        self._restarts = Restarts(COMMAND_RESTART_CAP_S if self.component.ready is None else RESTART_CAP_S)

    async def keep(self, needs: Sequence["Keeper"], uses: Sequence["Keeper"]) -> None:
        """Start after the others, and again after each crash. Returns only after a good end of a command."""
        for other in needs:
            self.missing = f"waits for {other.component.name}"
            await other.ready.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(USES_PATIENCE_S):
                for other in uses:
                    await other.ready.wait()
        while True:
            started = time.monotonic()
            code = await self._run()
            if code == 0 and self.component.ready is None:
                self._become_ready(started)
                return
            if not self._falls_back(code):
                await self._wait_before_restart(code)

    def _falls_back(self, code: int) -> bool:
        """Whether the next start is the first one by the fallback."""
        fallback = self.component.fallback
        if fallback is None or self._fell_back or self.ready.is_set():
            return False
        self._fell_back = True
        reason = self._last_lines[-1].strip() if self._last_lines else "it printed nothing"
        self.console.report(
            f"{self.component.name} did not start ({_ending(code)}: {reason}); using {fallback.description} instead",
            "yellow",
        )
        return True

    async def _wait_before_restart(self, code: int) -> None:
        if self._ready_since is None:
            delay_s = self._restarts.delay_after_failed_start_s()
        else:
            delay_s = self._restarts.delay_after_ready_s(self._ready_since, time.monotonic())
        when = f"starting it again in {delay_s:.1f} s" if delay_s >= 0.1 else "starting it again"
        self.missing = f"ended ({_ending(code)})"
        self.console.report(f"{self.component.name} ended ({_ending(code)}); {when}", "red")
        failures = self._restarts.ends_in_a_row
        if failures % FAILURES_REPORTED == 0:
            output = "\n".join(f"    {line}" for line in self._last_lines) or "    (nothing)"
            self.console.report(
                f"{self.component.name} has now failed {failures} times in a row. I keep trying, at most "
                f"{self._restarts.cap_s:g} s apart. Its last output:\n{output}",
                "bold red",
            )
        await asyncio.sleep(delay_s)

    async def _run(self) -> int:
        """One life of the process; its exit code, negative for a signal. Cancelling ends it politely."""
        self.missing, self._ready_since = "starting", None
        self.process = process = await _spawn(self.component, self._command)
        reading = asyncio.create_task(self._read_output(process))
        watching = [asyncio.create_task(watch) for watch in (self._watch_readiness(), self._watch_pulse(process))]
        try:
            return await process.wait()
        finally:
            for watch in watching:
                watch.cancel()
            await self._end(process)
            # Grandchildren may hold the pipe a little longer than their parent lives.
            await asyncio.wait([reading], timeout=1.0)
            reading.cancel()

    @property
    def _command(self) -> Sequence[str]:
        fallback = self.component.fallback
        return fallback.command if fallback and self._fell_back else self.component.command

    async def _end(self, process: Process) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(self.component.stop_signal)
            ended, hurried = asyncio.create_task(process.wait()), asyncio.create_task(self.hurry.wait())
            await asyncio.wait([ended, hurried], timeout=STOP_GRACE_S, return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
            if process.returncode is None and not self.hurry.is_set():
                self.console.report(
                    f"{self.component.name} did not end within {STOP_GRACE_S:g} s; ended by force", "red"
                )
        # Also what it left in its group.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _watch_readiness(self) -> None:
        if self.component.ready is None:
            return
        started = reported = time.monotonic()
        while True:
            try:
                await self.component.ready()
            except Exception as error:  # noqa: BLE001 - any exception of a check means: not yet
                self.missing = str(error) or type(error).__name__
            else:
                self._become_ready(started)
                return
            if time.monotonic() - reported > READY_PATIENCE_S:
                reported = time.monotonic()
                self.console.report(f"{self.component.name} is still not ready: {self.missing}", "yellow")
            await asyncio.sleep(READY_POLL_S)

    async def _watch_pulse(self, process: Process) -> None:
        if self.component.pulse is None:
            return
        await until_silent(self.component.pulse)
        self.console.report(f"{self.component.name} hangs: it no longer answers. Ending it by force", "red")
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def _become_ready(self, started: float) -> None:
        self.missing, self._ready_since = "", time.monotonic()
        self.ready.set()
        what = "done" if self.component.ready is None else "ready"
        self.console.report(f"{self.component.name} {what} after {time.monotonic() - started:.1f} s", "dim")

    async def _read_output(self, process: Process) -> None:
        async for line in _lines(cast("asyncio.StreamReader", process.stdout)):
            self._last_lines.append(line)
            self.console.line(self.component.name, line)


async def _spawn(component: Component, command: Sequence[str]) -> Process:
    """Start `command` in a session of its own, so that Ctrl-C reaches it only through us, and on a leash."""
    account = component.account
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    return await asyncio.create_subprocess_exec(
        *leashed(command, component.stop_signal, uid, gid),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **component.env},
        cwd=component.directory,
        start_new_session=True,
    )


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The lines of `stream`, in pieces of `LINE_MAX_BYTES` at most."""
    rest = b""
    while chunk := await stream.read(65536):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")
        while len(rest) > LINE_MAX_BYTES:
            yield rest[:LINE_MAX_BYTES].decode(errors="replace")
            rest = rest[LINE_MAX_BYTES:]
    if rest:
        yield rest.decode(errors="replace")


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
