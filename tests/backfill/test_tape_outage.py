"""Kafka dead under trade: what the backlog holds arrives, what it had to drop is fetched from the exchange.

Short by default. `make soak` lets Kafka be dead for ten minutes (TAPE_OUTAGE_S).
"""

import asyncio
import os

import pytest

from tests.backfill.whole_tape import SYMBOLS, Tape, running_tape
from tests.clickhouse_server import RunningClickHouse
from tests.kafka_broker import RunningKafka
from tests.processes import until

TAPE_OUTAGE_S = float(os.environ.get("TAPE_OUTAGE_S", "4"))
BOUND_BYTES = 1_200_000
"""Some 3,000 trades, as they wait at first."""
CATCH_UP_S = 180.0 + TAPE_OUTAGE_S

pytestmark = pytest.mark.timeout(420 + 3 * TAPE_OUTAGE_S)


async def lost(tape: Tape) -> float:
    return await tape.chain.metric("aggregator_events_lost_total", kind="agg_trades")


async def waiting(tape: Tape) -> float:
    return await tape.chain.metric("aggregator_events_waiting", kind="agg_trades")


async def test_what_an_outage_has_made_the_backlog_drop_is_fetched(
    redis_url: str, own_kafka: RunningKafka, clickhouse_server: RunningClickHouse
) -> None:
    """At a bound so small that seconds of an outage overflow it as ten minutes would the real one."""
    async with running_tape(redis_url, own_kafka, clickhouse_server, KAFKA_TRADE_BUFFER_BYTES=BOUND_BYTES) as tape:
        await tape.until_more(500)
        # Kafka dies with nothing on the way to it: what it has but did not confirm would be dropped and not missing.
        await tape.until_complete(CATCH_UP_S)
        await until(lambda: _none_waits(tape), what="all is confirmed")
        own_kafka.process.kill()

        async def overflows() -> bool:
            for symbol in SYMBOLS:
                await tape.chain.control("burst", symbol=symbol.upper(), count=1_000)
            return await lost(tape) > 0

        await until(overflows, CATCH_UP_S, "the backlog overflows")
        held_bytes = await tape.chain.metric("aggregator_events_waiting_bytes", kind="agg_trades")
        assert held_bytes <= BOUND_BYTES
        await own_kafka.start_again()
        await until(lambda: _delivered(tape), CATCH_UP_S, "Kafka has what was kept")
        dropped = await lost(tape)
        ledger = await tape.until_complete(CATCH_UP_S)
    assert sum(filled for *_, filled, _, _ in ledger) >= dropped > 0


async def test_the_bound_of_a_start_holds_an_outage_at_full_rate(
    redis_url: str, own_kafka: RunningKafka, clickhouse_server: RunningClickHouse
) -> None:
    async with running_tape(redis_url, own_kafka, clickhouse_server) as tape:
        await tape.until_more(500)
        own_kafka.process.kill()
        await asyncio.sleep(TAPE_OUTAGE_S)
        assert await waiting(tape) > 0
        await own_kafka.start_again()
        await until(lambda: _delivered(tape), CATCH_UP_S, "Kafka has what was kept")
        await tape.until_complete(CATCH_UP_S)
        assert await lost(tape) == 0


async def _none_waits(tape: Tape) -> bool:
    return await waiting(tape) == 0


async def _delivered(tape: Tape) -> bool:
    """Whether no more wait than come within a round."""
    return await waiting(tape) < 1_000
