"""The launcher whole: real databases, the real services, the simulator; on other ports, in a state of its own."""

import asyncio
import os
import random
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.local.credentials import PASSWORDS
from deploy.local.ports import Ports, is_free
from tests.processes import PORTS, Process, alive, until

ACCOUNT = {"name": "satoshi", "password": "correct horse battery"}
START_S = 240.0
"""A first start makes databases and compiles every module; the machine may be busy."""
STOP_S = 60.0

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True, slots=True)
class Installation:
    """A state directory and ports that no other test uses."""

    state_dir: Path
    ports: Ports
    offset: int

    def launcher(self, **variables: str) -> Process:
        """`make run`, not yet started; without the analytic contour unless `variables` turn it on."""
        env = {
            "STATE_DIR": str(self.state_dir),
            "PORT_OFFSET": str(self.offset),
            "EXCHANGE": "simulator",
            "HTTP_HOST": "127.0.0.1",
            "ANALYTICS": "off",
            **variables,
        }
        return Process([sys.executable, "-m", "deploy.local"], env)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports.profile}"


@pytest.fixture
def installation() -> Iterator[Installation]:
    # Open to others on the way in, so that the databases' account reaches it when the tests run as root.
    root = Path(tempfile.mkdtemp(prefix="crypto-test-run-"))
    root.chmod(0o755)
    offsets = (random.randint(PORTS.stop - 8_000, 15_000) for _ in range(1000))
    offset = next(one for one in offsets if all(map(is_free, Ports().shifted(one).all())))
    yield Installation(root / "state", Ports().shifted(offset), offset)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def launcher(installation: Installation) -> Iterator[Process]:
    process = installation.launcher()
    yield process
    process.stop(signal.SIGINT, STOP_S)


async def until_printed(process: Process, text: str, times: int = 1) -> None:
    def printed() -> bool:
        assert process.popen is not None
        assert process.popen.poll() is None, "the launcher ended"
        return process.output().count(text) >= times

    try:
        await until(printed, START_S, f"{text!r}")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{process.output()[-4000:]}") from error


async def exit_code(process: Process) -> int:
    """Wait for its end."""
    assert process.popen is not None
    return await asyncio.to_thread(process.popen.wait, STOP_S)


def children(process: Process) -> dict[int, str]:
    """Every process below the launcher, with its command."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ends as we look
            found[child.pid] = " ".join(child.cmdline())
    return found


def listening_accounts(process: Process) -> dict[str, int]:
    """Command of everything below the launcher that listens → its effective user id."""
    accounts = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(one.status == psutil.CONN_LISTEN for one in child.net_connections("tcp")):
                accounts[" ".join(child.cmdline())] = child.uids().effective
    return accounts


def still_there(pids: dict[int, str]) -> dict[int, str]:
    return {pid: command for pid, command in pids.items() if alive(pid)}


def taken(ports: Ports) -> dict[str, int]:
    return {name: port for name, port in asdict(ports).items() if not is_free(port)}


@pytest.fixture
def whole(installation: Installation) -> Iterator[Process]:
    """The launcher with the analytic contour."""
    process = installation.launcher(ANALYTICS="auto")
    yield process
    process.stop(signal.SIGINT, STOP_S)


async def test_from_the_first_start_to_the_second(installation: Installation, launcher: Process) -> None:
    launcher.start()
    await until_printed(launcher, "everything is ready")
    async with httpx.AsyncClient(base_url=installation.api, trust_env=False, timeout=30) as client:
        assert (await client.post("/v1/register", json=ACCOUNT)).status_code == 201
    output = launcher.output()
    assert "Prices are INVENTED" in output
    assert f"http://localhost:{installation.ports.profile}/docs" in output
    _assert_secrets_are_kept(installation, output)

    aggregator = _pid_of(launcher, "services.aggregator")
    os.kill(aggregator, signal.SIGKILL)
    await until_printed(launcher, "aggregator ended (SIGKILL); starting it again")
    await until_printed(launcher, "aggregator ready after", times=2)
    postgres = _pid_of(launcher, "postgres -D")
    os.kill(postgres, signal.SIGKILL)
    await until_printed(launcher, "postgres ready after", times=2)

    second = installation.launcher().start()
    assert await exit_code(second) == 1
    assert f"already running here (process {launcher.pid})" in second.output()

    before = children(launcher)
    assert len(before) >= 7
    os.killpg(launcher.pid, signal.SIGINT)
    assert await exit_code(launcher) == 0
    assert still_there(before) == {}
    assert taken(installation.ports) == {}

    launcher.start()
    await until_printed(launcher, "everything is ready", times=2)
    async with httpx.AsyncClient(base_url=installation.api, trust_env=False, timeout=30) as client:

        async def logs_in() -> bool:
            return (await client.post("/v1/login", json=ACCOUNT)).status_code == 200

        await until(logs_in, 60, "a login with the account of the first run")


async def test_ticks_reach_history_and_nothing_outlives_a_killed_launcher(
    installation: Installation, whole: Process
) -> None:
    whole.start()
    await until_printed(whole, "everything is ready")
    output = whole.output()
    assert output.index("prices are live") < output.index("kafka ready")
    _assert_secrets_are_kept(installation, output)
    market = f"http://127.0.0.1:{installation.ports.dashboard}"
    async with httpx.AsyncClient(base_url=market, trust_env=False, timeout=30) as client:

        async def candles() -> Any:
            return (await client.get("/history/btcusdt", params={"interval": "1m"})).json()["candles"]

        assert (await client.get("/prices", params={"symbols": "btcusdt"})).json()["source"] == "simulator"
        await until(candles, 60, "the first candle")

    if os.geteuid() == 0:
        accounts = listening_accounts(whole)
        assert len(accounts) >= 9
        assert {command: uid for command, uid in accounts.items() if uid == 0} == {}
    before = children(whole)
    for part in ("kafka.Kafka", "deploy.local.clickhouse", "services.kafka_clickhouse"):
        assert any(part in command for command in before.values())
    whole.kill()
    await until(lambda: not still_there(before), STOP_S, "the end of the killed launcher's children")
    assert taken(installation.ports) == {}


async def test_without_java_the_run_goes_on_and_names_what_to_install(
    installation: Installation, tmp_path: Path
) -> None:
    variables = {
        "PATH": str(tmp_path),
        "JAVA_HOME": str(tmp_path),
        "CLICKHOUSE_URL": "http://nobody:x@127.0.0.1:9/crypto",
    }
    launcher = installation.launcher(ANALYTICS="auto", **variables).start()
    try:
        await until_printed(launcher, "dashboard ready")
        assert "Kafka needs Java 17 or newer" in launcher.output()
        await until_printed(launcher, "clickhouse-db ended (exit code 1)")
        async with httpx.AsyncClient(base_url=installation.api, trust_env=False, timeout=30) as client:
            assert (await client.post("/v1/register", json=ACCOUNT)).status_code == 201
    finally:
        assert launcher.stop(signal.SIGINT, STOP_S) == 0


def _assert_secrets_are_kept(installation: Installation, output: str) -> None:
    secrets = installation.state_dir / "secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE(installation.state_dir.stat().st_mode) & 0o066 == 0
    values = [word for word in secrets.read_text().split('"') if len(word) >= 32]
    assert len(values) == len(PASSWORDS) + 1
    logs = [path.read_text() for path in (installation.state_dir / "logs").iterdir()]
    for value in values:
        assert not any(value in text for text in [output, *logs])


def _pid_of(launcher: Process, part: str) -> int:
    return next(pid for pid, command in children(launcher).items() if part in command)


async def test_a_taken_port_is_reported_in_one_sentence(installation: Installation, launcher: Process) -> None:
    holder = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", installation.ports.authorization)
    async with holder:
        launcher.start()
        assert await exit_code(launcher) == 1

    assert f"port {installation.ports.authorization}, which authorization needs, is held by" in launcher.output()
    assert f"process {os.getpid()} " in launcher.output()
    assert "Traceback" not in launcher.output()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_an_end_in_the_middle_of_the_start_leaves_nothing(
    installation: Installation, launcher: Process, number: signal.Signals
) -> None:
    ours = signal.signal(number, signal.SIG_DFL)  # under nohup the tests, and so the launcher, would ignore SIGHUP
    launcher.start()
    signal.signal(number, ours)
    await until_printed(launcher, "redis ready")
    before = children(launcher)
    os.killpg(launcher.pid, number)

    assert await exit_code(launcher) == 0
    assert still_there(before) == {}
    assert taken(installation.ports) == {}
    assert "Traceback" not in launcher.output()


async def test_what_a_script_leaves_running_outlives_the_terminal_and_can_be_interrupted(launcher: Process) -> None:
    launcher.command = ["sh", "-c", 'trap "" INT; exec nohup "$@"', "sh", *launcher.command]
    launcher.start()
    await until_printed(launcher, "redis ready")
    launcher.send(signal.SIGHUP)
    await until_printed(launcher, "prices are live")
    assert "SIGHUP" not in launcher.output()
    launcher.send(signal.SIGINT)
    assert await exit_code(launcher) == 0


async def test_a_second_ctrl_c_ends_at_once_what_does_not_end(installation: Installation, launcher: Process) -> None:
    launcher.start()
    await until_printed(launcher, "redis ready")
    before = children(launcher)
    os.kill(_pid_of(launcher, "redis-server"), signal.SIGSTOP)

    def hurried() -> bool:
        launcher.send(signal.SIGINT)
        return "ending at once" in launcher.output()

    await until(hurried, what="the hurry")
    assert await exit_code(launcher) == 0
    assert still_there(before) == {}
    assert "by force" not in launcher.output()
