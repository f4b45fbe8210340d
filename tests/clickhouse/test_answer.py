"""An answer's way out, where the client does not take it."""

import asyncio
from typing import Any

import pytest

from deploy.local.clickhouse import answer
from deploy.local.clickhouse.body import ClientGoneError
from deploy.local.clickhouse.request import Request


async def test_a_client_that_reads_nothing_does_not_keep_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "SEND_TIMEOUT_S", 0.05)
    stuck = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await stuck.wait()

    leaving = answer.Answer(send, Request("POST", {}, {}), "26.9", "UTC")
    with pytest.raises(ClientGoneError):
        async with asyncio.timeout(30):
            await leaving.write(bytes(answer.HELD_BYTES))
    leaving.close()
