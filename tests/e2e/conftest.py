"""A running stack, and a person who uses it."""

import shutil
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.conftest import RunningPostgres, RunningRedis
from tests.e2e.stack import Stack, User, sign_up


@pytest.fixture
async def stack(postgres_server: RunningPostgres, own_redis: RunningRedis) -> AsyncIterator[Stack]:
    """Nothing started yet: a test starts what it needs and may break it. PostgreSQL is the session's."""
    prepared = Stack(postgres_server, own_redis)
    yield prepared
    prepared.stop()


@pytest.fixture
async def user(stack: Stack) -> AsyncIterator[User]:
    """A logged-in user of a whole running stack."""
    await stack.start_all()
    base_url = f"http://127.0.0.1:{stack.running['profile'].port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=20) as client:
        yield await sign_up(base_url, client)


@pytest.fixture
def wscat() -> str:
    """The real wscat; skipped where it is not installed."""
    found = shutil.which("wscat")
    if found is None:
        pytest.skip("wscat is not installed")
    return found
