"""How much one partition may hold."""

import asyncio

from aiokafka import TopicPartition
from prometheus_client import REGISTRY

from services.kafka_clickhouse.dead_letters import DeadLetters
from services.kafka_clickhouse.intake import Intake
from services.kafka_clickhouse.lane import MAX_HELD_BYTES, BatchLimits, Lane
from services.kafka_clickhouse.messages import TICKER_MESSAGES
from services.kafka_clickhouse.native import MARKET_TICKERS
from services.kafka_clickhouse.poison import PoisonWatch
from services.kafka_clickhouse.storage import Store
from services.kafka_clickhouse.streams import Stream
from tests.kafka_clickhouse.pipeline import Message, ticks
from tests.processes import free_port, until

MIB = 1024 * 1024
FAILED = "kafka_clickhouse_insert_failures_total", {"kind": "down"}


async def test_a_batch_in_work_counts_among_the_bytes_that_are_held() -> None:
    unreachable = f"127.0.0.1:{free_port()}"
    store = Store(f"http://user:password@{unreachable}/none", 1)  # what goes there stays in work
    tickers = Stream("test", TICKER_MESSAGES, MARKET_TICKERS, "none")
    partition = TopicPartition("test", 7)
    intake = Intake(partition, tickers, store, DeadLetters(unreachable, "none"), PoisonWatch(), PoisonWatch())

    async def beginning() -> int:
        return 0

    async def commit(_: int) -> None:
        raise AssertionError("nothing has been stored")

    lane = Lane(partition, intake, BatchLimits(1_000, 0.01), beginning, commit, on_room=lambda: None)
    (tick,) = ticks(1)
    large = tick.value[:-1] + b',"ignored":"' + b"x" * MIB + b'"}'
    half = [Message(offset, large) for offset in range(MAX_HELD_BYTES // MIB // 2)]
    failed = REGISTRY.get_sample_value(*FAILED) or 0
    lane.offer(half)
    running = asyncio.create_task(lane.run())
    try:
        await until(lambda: (REGISTRY.get_sample_value(*FAILED) or 0) > failed, what="the first half to be in work")
        assert not lane.full
        lane.offer(half)
        assert lane.full
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.close()
