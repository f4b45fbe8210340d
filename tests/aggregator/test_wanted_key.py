"""`market:wanted`: what is followed now, for those who only read Redis."""

import json
from typing import Any

import pytest

from services.aggregator.errors import StoreUnavailableError, WriteRefusedError
from services.aggregator.wanted_key import REWRITE_S, WantedKey
from services.market.wanted import decode_wanted, encode_wanted
from tests.aggregator.conftest import Running
from tests.processes import until


class MemoryStore:
    def __init__(self) -> None:
        self.written: list[list[str]] = []
        self.error: Exception | None = None

    async def write_wanted(self, document: bytes) -> None:
        if self.error:
            raise self.error
        self.written.append(json.loads(document)["symbols"])


async def test_it_is_written_at_a_change_and_now_and_then() -> None:
    store, symbols = MemoryStore(), {"ethusdt", "btcusdt"}
    key = WantedKey(store, lambda: symbols)  # type: ignore[arg-type]
    await key.refresh(0)
    await key.refresh(1)
    assert store.written == [["btcusdt", "ethusdt"]]
    symbols.remove("ethusdt")
    await key.refresh(2)
    assert store.written[1:] == [["btcusdt"]]
    await key.refresh(2 + REWRITE_S - 0.1)
    assert len(store.written) == 2
    await key.refresh(2 + REWRITE_S)
    assert store.written[2:] == [["btcusdt"]]


@pytest.mark.parametrize("error", [StoreUnavailableError(), WriteRefusedError()])
async def test_what_could_not_be_written_is_written_again_at_once(error: Exception) -> None:
    store = MemoryStore()
    key = WantedKey(store, lambda: ["btcusdt"])  # type: ignore[arg-type]
    await key.refresh(0)
    store.error = error
    await key.refresh(REWRITE_S)
    store.error = None
    await key.refresh(REWRITE_S + 1)
    assert len(store.written) == 2


async def test_a_follow_shows_in_redis_and_its_end_too(aggregator: Running) -> None:
    async def wanted(*symbols: str) -> bool:
        document: Any = await aggregator.redis.get("market:wanted")
        return document is not None and decode_wanted(document) == list(symbols)

    async def followable() -> bool:
        return (await aggregator.http.get("/coin?symbol=ETHUSDT&id=7")).status_code == 200

    await until(followable, what="a listing")
    await aggregator.http.get("/coin?symbol=BTCUSDT&id=8")
    await until(lambda: wanted("btcusdt", "ethusdt"), what="both in Redis")
    assert 0 < await aggregator.redis.ttl("market:wanted") <= 60
    await aggregator.http.delete("/coin?symbol=ETHUSDT&id=7")
    await until(lambda: wanted("btcusdt"), what="one in Redis")


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"symbols":3}', b"\xff"])
def test_what_is_no_document_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - one of several decoders'
        decode_wanted(document)


def test_what_cannot_be_a_symbol_is_left_out() -> None:
    assert decode_wanted(b'{"symbols":["btcusdt","BTCUSDT","a:b",""]}') == ["btcusdt"]
    assert decode_wanted(encode_wanted(["b", "a"])) == ["a", "b"]
