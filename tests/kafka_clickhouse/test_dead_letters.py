"""What is left of a letter whose sender was cancelled."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from services.common.kafka import close_producer
from services.kafka_clickhouse import dead_letters
from services.kafka_clickhouse.dead_letters import DeadLetter, DeadLetters
from tests.kafka_clickhouse.pipeline import Message


async def test_a_producer_that_a_silent_kafka_keeps_from_starting_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[AIOKafkaProducer] = []

    async def noted(producer: AIOKafkaProducer) -> None:
        closed.append(producer)
        await close_producer(producer)

    monkeypatch.setattr(dead_letters, "close_producer", noted)
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # until the client has had enough
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as kafka:
        host, port = kafka.sockets[0].getsockname()
        letters = DeadLetters(f"{host}:{port}", "none")
        letter = DeadLetter(TopicPartition("none", 0), Message(0, b"not JSON"), "undecodable", "no JSON")
        putting = asyncio.create_task(letters.put([letter]))
        await asked.wait()
        putting.cancel()
        await asyncio.wait([putting])
        assert len(closed) == 1
