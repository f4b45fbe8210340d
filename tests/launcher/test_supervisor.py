"""Keeping real processes alive, and ending them in order."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deploy.local import keeper, pulse, restarts
from deploy.local.component import Check, Component, Fallback
from deploy.local.console import Console
from deploy.local.pulse import Pulse
from deploy.local.supervisor import Supervisor, layers, supervise
from tests.processes import alive, free_port, until

SERVER = """
import pathlib, signal, sys
name, marks = sys.argv[1], pathlib.Path(sys.argv[2])
def mark(event):
    with (marks / "events").open("a") as file:
        file.write(f"{name} {event}\\n")
def stop(*_):
    mark("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
mark("started")
(marks / name).touch()
signal.pause()
"""
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('I hear nothing', flush=True); signal.pause()"
)
CRASHING = "import sys; sys.exit('I cannot go on')"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
async def supervisor(tmp_path: Path, stream: io.StringIO) -> AsyncIterator[Supervisor]:
    console = Console(tmp_path, stream)
    async with supervise(console) as running:
        yield running
    console.close()


def python(name: str, code: str, *arguments: str, **fields: object) -> Component:
    return Component(name, (sys.executable, "-c", code, *arguments), **{"ready": ready_at_once, **fields})  # type: ignore[arg-type]


def server(name: str, marks: Path, **fields: object) -> Component:
    """A component that notes in the file `events` what happens to it, and is ready once it runs."""

    async def ready() -> None:
        (marks / name).stat()

    return python(name, SERVER, name, str(marks), ready=ready, **fields)


async def ready_at_once() -> None:
    pass


async def never_ready() -> None:
    raise ConnectionError("never")


def pid_of(supervisor: Supervisor, name: str) -> int:
    process = supervisor.keepers[name].process
    assert process is not None
    return process.pid


async def test_components_start_after_and_stop_before_what_they_need(tmp_path: Path) -> None:
    console = Console(tmp_path, io.StringIO())
    async with supervise(console) as supervisor:
        web, api = server("web", tmp_path, uses=("api",)), server("api", tmp_path, needs=("db",))
        supervisor.start([web, api, server("db", tmp_path)])
        assert await supervisor.until_ready(30) == {}
    console.close()

    events = (tmp_path / "events").read_text().splitlines()
    assert events == ["db started", "api started", "web started", "web stopped", "api stopped", "db stopped"]


def test_layers_hold_what_may_start_together() -> None:
    table = [
        python("a", ""),
        python("b", "", needs=("a",)),
        python("c", "", uses=("a",)),
        python("d", "", needs=("b",), uses=("c",)),
    ]

    assert [set(names) for names in layers(table)] == [{"a"}, {"b", "c"}, {"d"}]


async def test_a_command_is_waited_for_and_not_repeated(supervisor: Supervisor, tmp_path: Path) -> None:
    migrate = python(
        "migrate", "import pathlib, sys; open(sys.argv[1], 'a').write('x')", str(tmp_path / "runs"), ready=None
    )
    supervisor.start([migrate, server("web", tmp_path, needs=("migrate",))])

    assert await supervisor.until_ready(30) == {}
    assert (tmp_path / "runs").read_text() == "x"


async def test_what_is_needed_is_waited_for_and_named(supervisor: Supervisor, tmp_path: Path) -> None:
    async def never() -> None:
        raise ConnectionError("no disk")

    supervisor.start([python("db", "input()", ready=never), server("web", tmp_path, needs=("db",))])

    missing = await supervisor.until_ready(1)
    assert missing["web"] == "waits for db"
    assert not (tmp_path / "web").exists()


async def test_what_is_only_used_is_not_waited_for_long(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> None:
        raise ConnectionError("the exchange is down")

    monkeypatch.setattr(keeper, "USES_PATIENCE_S", 0.1)
    supervisor.start([python("feed", "input()", ready=never), server("web", tmp_path, uses=("feed",))])

    await until((tmp_path / "web").exists, what="the start of web")


async def test_a_killed_component_comes_back_and_that_is_reported(
    supervisor: Supervisor, tmp_path: Path, stream: io.StringIO
) -> None:
    supervisor.start([server("web", tmp_path)])
    assert await supervisor.until_ready(30) == {}
    first = pid_of(supervisor, "web")
    (tmp_path / "web").unlink()
    os.kill(first, signal.SIGKILL)

    await until((tmp_path / "web").exists, what="the second start")
    assert pid_of(supervisor, "web") != first
    assert "web ended (SIGKILL); starting it again" in stream.getvalue()


@pytest.mark.parametrize("ready", [ready_at_once, never_ready])
async def test_a_component_that_keeps_failing_is_reported_with_its_last_output_and_tried_on(
    supervisor: Supervisor, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, ready: Check
) -> None:
    monkeypatch.setattr(restarts, "BASE_S", 0.01)
    supervisor.start([python("web", CRASHING, ready=ready)])

    await until(lambda: "failed 10 times in a row" in stream.getvalue(), 60, "the tenth failure")
    after_five = stream.getvalue().partition("failed 5 times in a row")[2]
    assert "I cannot go on" in after_five.partition("web ended")[0]


async def test_a_component_that_never_comes_up_is_replaced_by_its_fallback_once(
    supervisor: Supervisor, tmp_path: Path, stream: io.StringIO
) -> None:
    fallback = Fallback((sys.executable, "-c", SERVER, "spare", str(tmp_path)), "the spare one")

    async def ready() -> None:
        (tmp_path / "spare").stat()

    supervisor.start([python("web", CRASHING, ready=ready, fallback=fallback)])

    assert await supervisor.until_ready(30) == {}
    assert "web did not start (exit code 1: I cannot go on); using the spare one instead" in stream.getvalue()


HANGING = """
import signal, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("answering", flush=True)
    while True:
        connection, _ = server.accept()
        connection.sendall(b"yes")
        connection.close()
"""


@pytest.mark.parametrize("answered", [True, False])
async def test_a_component_that_hangs_is_ended_and_started_again(
    supervisor: Supervisor, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    """Frozen (SIGSTOP), it still has its connections accepted by the kernel; a first answer may never come either."""
    for name in ("INTERVAL_S", "INTERVAL_IN_DOUBT_S"):
        monkeypatch.setattr(pulse, name, 0.2)
    monkeypatch.setattr(pulse, "SILENT_QUESTIONS", 2)  # each as long as the product waits: a busy server is not silent
    port = free_port()
    command = python("web", HANGING if answered else DEAF, str(port), pulse=Pulse(port, first_answer_s=0.5))
    supervisor.start([command])
    heard = "answering" if answered else "I hear nothing"
    await until(lambda: heard in stream.getvalue(), what="the start")
    if answered:
        await until(lambda: pulse.answers(Pulse(port)), what="an answer")
        os.kill(pid_of(supervisor, "web"), signal.SIGSTOP)

    await until(lambda: stream.getvalue().count(heard) >= 2, what="the second start")
    assert "web hangs: it no longer answers. Ending it by force" in stream.getvalue()
    assert "web ended (SIGKILL); starting it again" in stream.getvalue()
    supervisor.hurry.set()


async def test_a_component_that_does_not_end_is_ended_by_force(
    tmp_path: Path, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "STOP_GRACE_S", 0.2)
    pid = await _supervise_deaf(Console(tmp_path, stream), stream, hurry=False)

    assert not psutil.pid_exists(pid)
    assert "deaf did not end within 0.2 s" in stream.getvalue()


async def test_in_a_hurry_nothing_is_waited_for(tmp_path: Path, stream: io.StringIO) -> None:
    async with asyncio.timeout(keeper.STOP_GRACE_S * 2):
        pid = await _supervise_deaf(Console(tmp_path, stream), stream, hurry=True)

    assert not psutil.pid_exists(pid)
    assert "did not end" not in stream.getvalue()


async def _supervise_deaf(console: Console, stream: io.StringIO, *, hurry: bool) -> int:
    async with supervise(console) as supervisor:
        supervisor.start([python("deaf", DEAF)])
        await until(lambda: "I hear nothing" in stream.getvalue(), what="the start")
        pid = pid_of(supervisor, "deaf")
        if hurry:
            supervisor.hurry.set()
    console.close()
    return pid


async def test_children_of_a_component_end_with_it(
    tmp_path: Path, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "STOP_GRACE_S", 2.0)  # the child, which has its output too, is not asked to end
    parent = (
        "import subprocess, signal; print('child', subprocess.Popen(['sleep', '1000']).pid, flush=True); signal.pause()"
    )
    console = Console(tmp_path, stream)
    async with supervise(console) as supervisor:
        supervisor.start([python("parent", parent)])
        await until(lambda: "child " in stream.getvalue(), what="the child")
        child = int(stream.getvalue().partition("child ")[2].split()[0])
        assert psutil.pid_exists(child)
    console.close()

    await until(lambda: not alive(child), what="the end of the child")


async def test_lines_of_any_length_and_without_an_end_arrive(supervisor: Supervisor, stream: io.StringIO) -> None:
    supervisor.start([python("web", "print('x' * 100_000); print('end', end='')", ready=None)])

    assert await supervisor.until_ready(30) == {}
    await until(lambda: "│ end" in stream.getvalue(), what="the last line")
    assert stream.getvalue().count("x") == 100_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
async def test_a_component_does_not_outlive_a_killed_launcher() -> None:
    launcher = """
import subprocess, sys
from deploy.local.leash import leashed
print(subprocess.Popen(leashed(["sleep", "1000"], 15), start_new_session=True).pid, flush=True)
sys.stdin.read()
"""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", launcher), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    await until(lambda: psutil.Process(child).name() == "sleep", what="the start of the child")
    process.kill()
    await process.wait()

    await until(lambda: not alive(child), what="the end of the child")
