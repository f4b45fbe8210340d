"""Helpers for aiokafka: silencing its log, and closing a producer whose broker is unavailable."""

import asyncio
import logging
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

CLOSE_TIMEOUT_S = 1.0


def silence_client_log() -> None:
    """Without a broker the client logs ten errors a second; a service logs the start and the end of an outage."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def close_producer(client: AIOKafkaProducer) -> None:
    """Leave nothing of the client running, in any state of it. Takes a few seconds at most; to be awaited whole.

    `stop` waits for every batch, and an idempotent producer gives none up: with the broker away it would never return.
    So they are failed first: a caller that still waits for one gets ProducerClosed.
    """
    client._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - there is no public way
    with suppress(Exception):  # its tasks may fail over what has just been taken from them
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.stop()
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.client.close()
