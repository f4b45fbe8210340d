"""A real ClickHouse engine for tests: one for the session, or one that a test may kill."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local import clickhouse
from tests.processes import Process, free_port, until


@dataclass(frozen=True, slots=True)
class RunningClickHouse:
    server: clickhouse.ClickHouseServer
    process: Process

    @property
    def url(self) -> str:
        """CLICKHOUSE_URL of the user who writes."""
        return self.server.url

    @property
    def reader_url(self) -> str:
        """CLICKHOUSE_URL of the user who only reads."""
        return self.server.reader_url


def start_clickhouse(**settings: str) -> RunningClickHouse:
    """A ClickHouse of its own in a temporary directory, ready. The caller ends it with `stop_clickhouse`.

    `settings` are variables of `ClickHouseSettings`.
    """
    root = Path(tempfile.mkdtemp(prefix="crypto-test-clickhouse-"))
    server = clickhouse.prepare(root, free_port(), secrets.token_hex(16), secrets.token_hex(16))
    more = {"LOG_FORMAT": "console", "CLICKHOUSE_MORE_DATABASES": "test_*"}
    process = Process(server.command, {**more, **server.env, **settings}).start()
    asyncio.run(_ready(server, process))
    return RunningClickHouse(server, process)


async def _ready(server: clickhouse.ClickHouseServer, process: Process) -> None:
    async def answers() -> bool:
        assert process.popen is not None
        assert process.popen.poll() is None, f"ClickHouse ended while starting:\n{process.output()[-4000:]}"
        await clickhouse.check(server)
        return True

    try:
        await until(answers, what="ClickHouse")
    except AssertionError:
        process.kill()
        raise


def stop_clickhouse(running: RunningClickHouse) -> None:
    running.process.stop()
    shutil.rmtree(running.server.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[RunningClickHouse]:
    """The session's ClickHouse. Never stop it in a test, and make tables in a database of the test's own."""
    if not clickhouse.available():
        pytest.skip("no ClickHouse engine for this platform")
    running = start_clickhouse()
    yield running
    stop_clickhouse(running)


@pytest.fixture
def own_clickhouse() -> Iterator[RunningClickHouse]:
    """A ClickHouse that this test may kill, freeze and restart (`own_clickhouse.process`)."""
    if not clickhouse.available():
        pytest.skip("no ClickHouse engine for this platform")
    running = start_clickhouse()
    yield running
    stop_clickhouse(running)
