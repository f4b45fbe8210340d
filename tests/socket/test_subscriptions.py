"""What one connection asks for, without a connection."""

import asyncio
import json
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager

from services.exchanges.exchange import Ack
from services.exchanges.registry import DEFAULT_EXCHANGE, EXCHANGES
from services.socket.refusals import Refusals
from services.socket.subscriptions import Subscriptions


class CountingRefusals(Refusals):
    """Counts how often it is asked when to try again."""

    looks = 0

    def next_attempt_s(self, wanted: Set[str]) -> float | None:
        self.looks += 1
        return super().next_attempt_s(wanted)


@asynccontextmanager
async def running(wanted: Set[str], refusals: Refusals) -> AsyncIterator[Subscriptions]:
    """Subscriptions whose every message is accepted."""

    async def send(message: bytes) -> None:
        subscriptions.acknowledge(Ack(json.loads(message)["id"], None))

    subscriptions = Subscriptions(send, EXCHANGES[DEFAULT_EXCHANGE], 5.0, wanted, refusals, on_asked=lambda: None)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(subscriptions.run())
        await subscriptions.complete
        yield subscriptions
        task.cancel()


async def test_what_another_connection_was_refused_and_this_one_brings_is_no_reason_to_wake() -> None:
    refusals = CountingRefusals(retry_s=0.0)
    async with running({"btcusdt"}, refusals) as subscriptions:
        refusals.refused({"btcusdt"}, "refused on another connection, and due at once", 0.0)
        subscriptions.wanted_changed.set()
        for _ in range(100):
            await asyncio.sleep(0)
        assert refusals.looks <= 2, "it neither asks again nor spins until another connection has"
