"""What aiokafka needs of whoever uses it: silence, and a way to leave a producer whose broker is away."""

import asyncio
import logging
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

CLOSE_TIMEOUT_S = 1.0


def silence_client_log() -> None:
    """While Kafka is away the client says so ten times a second; a service tells the beginning and the end."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def close_producer(client: AIOKafkaProducer) -> None:
    """Leave nothing of the client running, whatever state it is in. Takes a few seconds at most; to be awaited whole.

    `stop` waits for every batch, and an idempotent producer gives none up: with the broker away it would never return.
    So they are failed first: whoever still waits for one gets ProducerClosed.
    """
    client._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - there is no public way
    with suppress(Exception):  # its tasks may fail over what has just been taken from them
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.stop()
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.client.close()
