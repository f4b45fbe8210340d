"""Answers as HTTP has them: who takes gzip; and what is kept of them in memory."""

import asyncio
import gzip

import pytest

from services.dashboard.answers import GZIP_IN_THREAD_FROM_BYTES, Document, accepts_gzip
from services.dashboard.single_flight import OVERHEAD_BYTES, SingleFlightCache


@pytest.mark.parametrize("offer", ["gzip", "GZIP", "br, gzip", "gzip;q=1.0", "gzip; q=0.10", "gzip;q=0.001, br"])
def test_gzip_is_taken(offer: str) -> None:
    assert accepts_gzip(offer)


@pytest.mark.parametrize("offer", ["", "*", "br", "x-gzip", "gzip;q=0", "gzip; q=0.0", "br, gzip;Q=0.000", "gzip;q=0."])
def test_gzip_is_not_taken(offer: str) -> None:
    assert not accepts_gzip(offer)


async def test_a_large_document_is_compressed_once_however_many_ask_for_it_together() -> None:
    document = Document(b"x" * GZIP_IN_THREAD_FROM_BYTES, 1)
    first, *others = await asyncio.gather(*(document.zipped() for _ in range(5)))
    assert gzip.decompress(first) == document.body
    assert all(other is first for other in others)


async def test_empty_pages_cannot_outgrow_the_memory_either() -> None:
    """Each costs its key, its headers and its place, far more than its few bytes."""
    computed = []
    shared = SingleFlightCache(capacity_bytes=10 * OVERHEAD_BYTES)

    async def ask(number: int) -> None:
        async def compute() -> tuple[Document, float]:
            computed.append(number)
            return Document(b"", 60), 60

        await shared.get(number, compute)

    for number in range(11):
        await ask(number)
    await ask(10)
    assert computed == list(range(11))
    await ask(0)  # the oldest has made room
    assert computed == [*range(11), 0]


async def test_the_work_for_many_goes_on_while_one_waits() -> None:
    """And ends with the last one who leaves: its turn at ClickHouse is free again."""
    gate, ended = asyncio.Event(), asyncio.Event()
    shared = SingleFlightCache(capacity_bytes=0)

    async def compute() -> tuple[Document, float]:
        try:
            await gate.wait()
        finally:
            ended.set()
        return Document(b"it", 60), 60

    first, second, third = (asyncio.create_task(shared.get("key", compute)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    third.cancel()
    await asyncio.wait([first, third])
    assert not ended.is_set()
    gate.set()
    assert (await second).body == b"it"
    gate.clear()
    ended.clear()
    last = asyncio.create_task(shared.get("key", compute))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    last.cancel()
    async with asyncio.timeout(20):
        await ended.wait()
