"""Tests that are killed leave no process behind."""

import asyncio
import subprocess
import sys
from asyncio.subprocess import PIPE

import psutil
import pytest

from tests.processes import BLOCK, PORTS, REPOSITORY, alive, free_port, until

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
    child = int(await tests.stdout.readline())
    await until(lambda: psutil.Process(child).name() == "sleep", what="the start of the child")
    tests.kill()
    await tests.wait()

    await until(lambda: not alive(child), what="the child's end")


def test_no_port_is_given_to_two_at_a_time() -> None:
    """Neither here nor in other processes, although none listens on it yet, or for a while."""
    given = [free_port() for _ in range(BLOCK // 2)]
    command = [sys.executable, "-c", f"from tests.processes import *; print(*(free_port() for _ in range({BLOCK})))"]
    others = [subprocess.Popen(command, cwd=REPOSITORY, stdout=PIPE, text=True) for _ in range(2)]
    elsewhere = [set(map(int, each.communicate(timeout=60)[0].split())) for each in others]
    assert len(set(given)) == len(given)
    assert all(elsewhere)
    assert elsewhere[0].isdisjoint(given)
    assert elsewhere[1].isdisjoint(given)
    assert {*given, *elsewhere[0], *elsewhere[1]} <= set(PORTS)
