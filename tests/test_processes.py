"""Tests that are killed leave no process behind."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import psutil
import pytest

from tests.processes import REPOSITORY, until

STARTER = """
import sys
from tests.processes import Process
print(Process(["sleep", "1000"], {}).start().pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
async def test_a_process_dies_with_the_tests_that_started_it() -> None:
    command = (sys.executable, "-c", STARTER)
    tests = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE)
    assert tests.stdout is not None
    child = psutil.Process(int(await tests.stdout.readline()))
    await until(lambda: child.name() == "sleep", what="the start of the child")
    tests.kill()
    await tests.wait()

    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child's end")
