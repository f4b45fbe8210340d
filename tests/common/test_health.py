"""Readiness: what it waits for, and how a dependency that hangs or fails is reported."""

import asyncio

import httpx
import pytest

from services.common import health
from services.common.health import Health
from services.common.http import listen, serve_http
from services.common.ops import ops_app


async def fine() -> None: ...


async def broken() -> None:
    raise ConnectionRefusedError("postgresql://user:password@host")


async def hanging() -> None:
    await asyncio.Event().wait()


async def test_is_ready_only_between_start_and_drain() -> None:
    state = Health()
    state.add_check("database", fine)
    assert await state.problems() == {"lifecycle": "starting"}
    state.started = True
    assert await state.problems() == {}
    state.draining = True
    assert await state.problems() == {"lifecycle": "draining"}


async def test_names_each_dependency_and_no_detail_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.05)
    state = Health(started=True)
    for name, check in (("cache", fine), ("database", broken), ("peer", hanging)):
        state.add_check(name, check)
    assert await state.problems() == {"database": "ConnectionRefusedError", "peer": "no answer within 0.05 s"}


async def test_the_operators_endpoints_answer_by_health() -> None:
    state = Health(started=True)
    sock = listen("127.0.0.1", 0)
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with serve_http(ops_app(state), sock), httpx.AsyncClient(base_url=base, trust_env=False) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "problems": {}})
        state.add_check("database", broken)
        unready = await client.get("/readyz")
        assert unready.status_code == 503
        assert unready.json() == {"ready": False, "problems": {"database": "ConnectionRefusedError"}}
        assert (await client.get("/livez")).status_code == 200
        metrics = await client.get("/metrics")
        assert "# TYPE" in metrics.text
