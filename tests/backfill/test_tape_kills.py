"""The tape after kills of aggregator, socket, consumer and repair, against the simulator's journal.

Every trade that the exchange made between the first and the last recorded one is there once, or the ledger names it.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.backfill.whole_tape import Tape, running_tape
from tests.clickhouse_server import RunningClickHouse
from tests.kafka_broker import RunningKafka

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def tape(redis_url: str, own_kafka: RunningKafka, clickhouse_server: RunningClickHouse) -> AsyncIterator[Tape]:
    async with running_tape(redis_url, own_kafka, clickhouse_server) as made:
        yield made


async def test_after_kills_nothing_is_there_twice_and_nothing_is_missing(tape: Tape) -> None:
    await tape.until_more(1_000)
    for victim in (
        tape.chain.processes["aggregator"],
        tape.chain.processes["socket"],
        tape.consumer,
        tape.repair,
        tape.chain.processes["aggregator"],
    ):
        victim.kill()
        await asyncio.sleep(1)  # the exchange goes on meanwhile
        victim.start()
        await tape.until_more(300)
    ledger = await tape.until_complete()
    assert sum(filled for *_, filled, _, _ in ledger) > 0, "the kills have lost some, which were fetched"
