"""A running stack, and a person who uses it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.conftest import RunningPostgres, RunningRedis, start_redis, stop_redis
from tests.e2e.stack import Stack, User, sign_up


@pytest.fixture
def empty_stack(postgres_server: RunningPostgres, own_redis: RunningRedis) -> Iterator[Stack]:
    """Nothing started yet, for a test of what happens at the start. PostgreSQL is the session's."""
    prepared = Stack(postgres_server, own_redis)
    yield prepared
    prepared.stop()


@pytest.fixture(scope="module")
def module_stack(postgres_server: RunningPostgres) -> Iterator[Stack]:
    """Started once for all tests of a module, which take turns in breaking it."""
    redis = start_redis()
    prepared = Stack(postgres_server, redis)
    asyncio.run(prepared.start_all())
    yield prepared
    prepared.stop()
    stop_redis(redis)


@pytest.fixture
async def stack(module_stack: Stack) -> Stack:
    """A whole running stack. Break it at will: it is whole again for the next test."""
    await module_stack.repair()
    return module_stack


@pytest.fixture
async def user(stack: Stack) -> AsyncIterator[User]:
    """A logged-in user of a whole running stack."""
    base_url = f"http://127.0.0.1:{stack.running['profile'].port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=20) as client:
        yield await sign_up(base_url, client)
