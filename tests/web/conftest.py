"""Fixtures of the web app's tests: npm scripts, the bundle, and a running stack that serves it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from deploy.local import web
from tests.conftest import RunningPostgres
from tests.node import skip_without_node
from tests.web.stack import control, running_stack, site_url


@dataclass(frozen=True, slots=True)
class Done:
    """A finished command: its exit code and its output."""

    code: int
    output: str


def npm(*arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 600) -> Done:
    """Run an npm script in web/ and wait for it to end."""
    done = subprocess.run(
        ["npm", "run", "--silent", *arguments],
        cwd=web.WEB,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    return Done(done.returncode, done.stdout)


@pytest.fixture(scope="session")
def bundle() -> None:
    """The web app, built."""
    skip_without_node()
    web.build()


@pytest.fixture(scope="session")
def site(bundle: None, postgres_server: RunningPostgres) -> Iterator[Mapping[str, str]]:
    """A running stack that serves the bundle: the variables by which the browser's tests find it."""
    with running_stack(postgres_server) as stack, control(stack) as control_url:
        yield {"SITE_URL": site_url(stack), "CONTROL_URL": control_url}
